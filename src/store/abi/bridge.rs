//! Bridges: how code of one compiler calls functions of the other.

use crate::engine::Compiler;
use crate::error::Result;
use crate::store::abi::compiler::mixed;
use crate::store::abi::pending_throw::PendingThrow;
use crate::store::call::host::HostFunction;
use crate::store::call::host_stack::HostStack;
use crate::store::call::wasm_stack::WasmStack;
use crate::store::instance::entity::Instance;
use crate::store::object::table_facts::TableFacts;
use crate::store::trap::{Failure, Thrown};
use crate::store::{FuncRef, RawValue, Store, TableId};
use crate::wasm::{FuncType, RefType, ValType};

/// The host function of a bridge.
struct Bridge {
    function: FuncRef,
    host_stack: HostStack,
    wasm_stack: WasmStack,
    /// Where to leave an exception, if the calling code can catch it
    pending: Option<PendingThrow>,
}

impl HostFunction for Bridge {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        self.host_stack.check().map_err(Thrown::error)?;
        // SAFETY: `values` fit a function of the same type, and the function is of the same store. The caller that
        // entered wasm holds the store, and no objects are borrowed while a host function runs.
        match (unsafe { self.wasm_stack.call_within(self.function, values) }, &self.pending) {
            (Ok(()), _) => Ok(()),
            (Err(Failure::Exception(exception)), Some(pending)) => {
                pending.throw(exception);
                Ok(())
            }
            (Err(Failure::Exception(exception)), None) => Err(Thrown(Box::new(exception))),
            (Err(Failure::Thrown(value)), _) => Err(Thrown(value)),
            (Err(Failure::Error(error)), _) => Err(Thrown::error(error)),
        }
    }

    fn held(&self) -> Option<FuncRef> {
        Some(self.function)
    }
}

impl FuncRef {
    /// The host function of a bridge to this function. `pending` is where code that can catch looks for exceptions.
    pub(in crate::store) fn bridge(self, store: &Store, pending: Option<PendingThrow>) -> Box<dyn HostFunction> {
        let (host_stack, wasm_stack) = (store.host_stack.clone(), store.wasm_stack.clone());
        Box::new(Bridge { function: self, host_stack, wasm_stack, pending })
    }

    /// The function that code of `compiler` can call for this function: itself, its bridge or its tier-up copy.
    ///
    /// # Errors
    /// `Compiler` for a function with funcref parameters or results, which would pass the bridge unchanged; the errors
    /// of `adapt`.
    pub fn native_to(self, store: &Store, compiler: Compiler) -> Result<FuncRef> {
        let function = self.canonical(store);
        if function.compiler(store) == compiler {
            return Ok(function);
        }
        let known = store.bridges.borrow().made.get(&(function, compiler)).copied();
        if let Some(bridge) = known {
            return Ok(bridge);
        }
        if let Some(tier_up) = function.tier_up(store, compiler) {
            store.bridges.borrow_mut().made.insert((function, compiler), tier_up);
            tier_up.set_canonical(store, function);
            return Ok(tier_up);
        }
        let ty = function.ty(store);
        function.check_bridge(store, &ty, compiler)?;
        let pending = compiler.catches().then(|| PendingThrow::of(store));
        let bridge = Self::adapt(store, &ty, function.bridge(store, pending), compiler)?;
        store.bridges.borrow_mut().made.insert((function, compiler), bridge);
        bridge.set_canonical(store, function);
        Ok(bridge)
    }

    /// Checks that the function, whose type is `ty`, can be called through a bridge.
    pub(in crate::store) fn check_bridge(self, store: &Store, ty: &FuncType, compiler: Compiler) -> Result<()> {
        let funcref = ValType::Ref(RefType::Func);
        if ty.parameters.iter().chain(&ty.results).all(|each| *each != funcref) {
            return Ok(());
        }
        let what = format!("a function of type {ty}");
        Err(mixed(what, compiler, self.compiler(store)))
    }
}

impl TableId {
    /// Whether callers of the table can call `function` directly.
    pub fn is_native(self, store: &Store, function: FuncRef) -> bool {
        let TableFacts { compiler, tier_up_copy, .. } = self.facts(store);
        compiler.is_none_or(|compiler| compiler == function.compiler(store))
            && tier_up_copy.is_none_or(|tier_up_copy| tier_up_copy.is_native(store, function))
    }

    /// The function that callers of the table can call for `function`.
    ///
    /// # Errors
    /// The errors of `native_to`.
    pub fn native(self, store: &Store, function: FuncRef) -> Result<FuncRef> {
        // Also makes the function for the table's tier-up copy, so that a later write cannot fail.
        let TableFacts { compiler, tier_up_copy, .. } = self.facts(store);
        tier_up_copy.map(|tier_up_copy| tier_up_copy.native(store, function)).transpose()?;
        let compiler = compiler.unwrap_or_else(|| function.canonical(store).compiler(store));
        function.native_to(store, compiler)
    }
}

impl Instance {
    /// Forgets the bridges from the instance's functions to a compiler, since its tier-up copies replace them. Bridges
    /// that are already in use keep working.
    pub(in crate::store) fn forget_bridges(&self, store: &Store, to: Compiler) {
        let is_of = |function: FuncRef| function.instance(store).is_some_and(|owner| owner.id == self.id);
        store.bridges.borrow_mut().made.retain(|(function, compiler), _| *compiler != to || !is_of(*function));
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Compiler as C;
    use crate::store::Reference;
    use crate::store::test_support::{call, compile, function, instantiate, new_store, stored, table, through_table};

    #[test]
    fn code_of_the_other_compiler_calls_a_function_through_its_one_bridge() {
        for (own, other) in [(C::Cranelift, C::Singlepass), (C::Singlepass, C::Cranelift)] {
            let store = new_store();
            let [first, second] =
                [own, other].map(|each| instantiate(&store, &compile(&through_table("1"), each), Vec::new()).unwrap());
            let fifty = function(&store, &first, "fifty");
            let bridge = fifty.native_to(&store, other).unwrap();
            assert_eq!((fifty.compiler(&store), bridge.compiler(&store)), (own, other));
            assert_eq!(bridge.canonical(&store), fifty);
            assert_eq!(fifty.native_to(&store, own).unwrap(), fifty);
            assert_eq!(bridge.native_to(&store, other).unwrap(), bridge, "a bridge has no bridge");
            let table = table(&store, &second, "table");
            assert!(!table.is_native(&store, fifty) && table.is_native(&store, bridge));
            table.set(&store, 0, Reference::Func(Some(fifty))).unwrap();
            assert_eq!((stored(&store, table, 0), table.function(&store, 0).unwrap()), (Some(bridge), Some(fifty)));
            assert_eq!(call(&store, function(&store, &second, "call")).unwrap(), 50);
        }
    }

    #[test]
    fn a_function_that_passes_functions_has_no_bridge() {
        let store = new_store();
        let text = r#"(module (func (export "f") (param funcref)))"#;
        let instance = instantiate(&store, &compile(text, C::Singlepass), Vec::new()).unwrap();
        let error = function(&store, &instance, "f").native_to(&store, C::Cranelift).unwrap_err();
        assert_eq!(error.code().0, "ERR_RELINK_COMPILER");
    }
}
