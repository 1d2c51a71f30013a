//! Bridges between compilers, and canonical functions.

use crate::engine::Compiler;
use crate::error::{Error, ErrorKind, Result};
use crate::store::call::host_stack::HostStack;
use crate::store::call::trap::{Failure, Thrown};
use crate::store::call::wasm_stack::WasmStack;
use crate::store::instance::entity::Instance;
use crate::store::object::exception::PendingException;
use crate::store::object::table::TableFacts;
use crate::store::{FuncRef, GlobalId, HostFunction, RawValue, Store, TableId};
use crate::wasm::{FuncType, RefType, ValType};
use rustc_hash::FxHashMap;

/// The bridges of a store, and the compilers of its host functions and globals.
///
/// Cranelift's and Singlepass's functions cannot call each other: they pass arguments and results in different places,
/// and wasmer does not check this. Code of the other compiler calls a function through a bridge: a function of that
/// compiler which calls it through the host.
#[derive(Default)]
pub struct Bridges {
    /// Compiler of the code that imports each host function, and the function's index in that module
    hosts: FxHashMap<FuncRef, (Compiler, u32)>,
    /// The bridge or tier-up copy of each function, by the compiler of its callers
    made: FxHashMap<(FuncRef, Compiler), FuncRef>,
    /// The canonical function of each bridge, tier-up copy and forwarder
    canonical: FxHashMap<FuncRef, FuncRef>,
    /// Compiler of the function that a funcref global holds
    globals: FxHashMap<GlobalId, Compiler>,
}

/// The host function of a bridge.
pub(in crate::store) struct Bridge {
    pub function: FuncRef,
    pub host_stack: HostStack,
    pub wasm_stack: WasmStack,
    /// The place for an exception, if the calling code can catch
    pub pending: Option<PendingException>,
}

impl Bridge {
    /// A bridge to `function`.
    pub fn new(store: &Store, function: FuncRef, pending: Option<PendingException>) -> Self {
        Self { function, host_stack: store.host_stack.clone(), wasm_stack: store.wasm_stack.clone(), pending }
    }
}

impl HostFunction for Bridge {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        self.host_stack.check().map_err(Thrown::error)?;
        // SAFETY: `values` are those of a function of the same type and store. The caller that entered wasm holds the
        // store, and no objects are borrowed while a host function runs.
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

impl Store {
    /// Forgets functions that are going to be freed.
    pub(in crate::store) fn forget_functions(&self, is_gone: impl Fn(FuncRef) -> bool) {
        let mut bridges = self.bridges.borrow_mut();
        bridges.hosts.retain(|function, _| !is_gone(*function));
        bridges.made.retain(|(function, _), bridge| !is_gone(*function) && !is_gone(*bridge));
        bridges.canonical.retain(|bridge, function| !is_gone(*bridge) && !is_gone(*function));
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

impl GlobalId {
    /// Forgets the compiler of a freed global.
    pub(in crate::store) fn forget(self, store: &Store) {
        store.bridges.borrow_mut().globals.remove(&self);
    }

    /// Compiler of the function that the global holds, if it is a funcref global.
    pub fn compiler(self, store: &Store) -> Option<Compiler> {
        store.bridges.borrow().globals.get(&self).copied()
    }

    /// Checks that code of `compiler` may call the function that the global holds.
    pub(in crate::store) fn check_compiler(self, store: &Store, compiler: Compiler) -> Result<()> {
        match self.compiler(store) {
            Some(other) if other != compiler => Err(mixed("the global".into(), compiler, other)),
            _ => Ok(()),
        }
    }

    /// Sets the compiler of a funcref global, if it has none yet.
    pub fn bind(self, store: &Store, compiler: Compiler) {
        if self.ty(store).value != ValType::Ref(RefType::Func) {
            return;
        }
        store.bridges.borrow_mut().globals.entry(self).or_insert(compiler);
    }
}

impl FuncRef {
    /// Notes the compiler of the code that imports a host function, and the function's index in that module.
    pub(in crate::store) fn set_host(self, store: &Store, compiler: Compiler, index: u32) {
        store.bridges.borrow_mut().hosts.insert(self, (compiler, index));
    }

    /// The index of a host function in the module that imports it.
    pub(in crate::store) fn host_index(self, store: &Store) -> Option<u32> {
        store.bridges.borrow().hosts.get(&self).map(|(_, index)| *index)
    }

    /// Makes `function` the canonical function of this one.
    pub(in crate::store) fn set_canonical(self, store: &Store, function: FuncRef) {
        let function = function.canonical(store);
        store.bridges.borrow_mut().canonical.insert(self, function);
    }

    /// The canonical function of a bridge, tier-up copy or forwarder; any other function itself.
    pub fn canonical(self, store: &Store) -> FuncRef {
        store.bridges.borrow().canonical.get(&self).copied().unwrap_or(self)
    }

    /// The compiler whose code it is; only code of that compiler may call it.
    pub fn compiler(self, store: &Store) -> Compiler {
        match self.instance(store) {
            Some(instance) => instance.code().compiler,
            None => store.bridges.borrow().hosts.get(&self).map_or(Compiler::Cranelift, |(compiler, _)| *compiler),
        }
    }

    /// Whether code of `importer` may import it as it is.
    pub(in crate::store) fn is_importable(self, store: &Store, importer: Compiler) -> bool {
        if self.compiler(store) != importer {
            return false;
        }
        // Singlepass calls every import by the host's convention, with floats in float registers. Its own functions
        // expect them elsewhere.
        let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
        importer != Compiler::Singlepass
            || self.instance(store).is_none()
            || !self.ty(store).parameters.iter().any(float)
    }

    /// The function that code of `compiler` can call for this one: itself, its bridge or its tier-up copy.
    ///
    /// # Errors
    /// `Compiler` for a function with funcref parameters or results, which would pass the bridge unchanged; those of
    /// `adapt`.
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
        let pending = compiler.catches().then(|| PendingException::of(store));
        let bridge = Self::adapt(store, &ty, Box::new(Bridge::new(store, function, pending)), compiler)?;
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
    /// Compiler of the functions that the table holds; the first function or importer decides.
    pub fn compiler(self, store: &Store) -> Option<Compiler> {
        self.facts(store).compiler
    }

    /// Checks that code of `compiler` may call the functions that the table holds.
    pub(in crate::store) fn check_compiler(self, store: &Store, compiler: Compiler) -> Result<()> {
        match self.compiler(store) {
            Some(other) if other != compiler => Err(mixed("the table".into(), compiler, other)),
            _ => Ok(()),
        }
    }

    /// Sets the compiler of the functions in a funcref table, if it has none yet.
    pub(in crate::store) fn bind(self, store: &Store, compiler: Compiler) {
        if self.element_type(store) != RefType::Func {
            return;
        }
        self.change_facts(store, |facts| facts.compiler = facts.compiler.or(Some(compiler)));
    }

    /// Whether callers of the table can call `function` directly.
    pub fn is_native(self, store: &Store, function: FuncRef) -> bool {
        let TableFacts { compiler, mirror, .. } = self.facts(store);
        compiler.is_none_or(|compiler| compiler == function.compiler(store))
            && mirror.is_none_or(|mirror| mirror.is_native(store, function))
    }

    /// The function that callers of the table can call for `function`.
    ///
    /// # Errors
    /// The errors of `native_to`.
    pub fn native(self, store: &Store, function: FuncRef) -> Result<FuncRef> {
        // Also makes the function for the table's mirror, so that a later write cannot fail.
        let TableFacts { compiler, mirror, .. } = self.facts(store);
        mirror.map(|mirror| mirror.native(store, function)).transpose()?;
        let compiler = compiler.unwrap_or_else(|| function.canonical(store).compiler(store));
        function.native_to(store, compiler)
    }
}

fn mixed(what: String, expected: Compiler, actual: Compiler) -> Error {
    ErrorKind::Compiler { what, expected: expected.name(), actual: actual.name() }.into()
}
