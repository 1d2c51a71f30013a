//! Bridges between compilers, and canonical functions.

use crate::engine::Compiler;
use crate::error::{Error, ErrorKind, Result};
use crate::store::call::host_stack::HostStack;
use crate::store::call::trap::{Failure, Thrown};
use crate::store::call::wasm_stack::WasmStack;
use crate::store::instance::entity::Instance;
use crate::store::object::exception::Pending;
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
pub(in crate::store) struct Crossing {
    pub function: FuncRef,
    pub host_stack: HostStack,
    pub wasm_stack: WasmStack,
    /// The place for an exception, if the calling code can catch
    pub pending: Option<Pending>,
}

impl HostFunction for Crossing {
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

    /// Forgets the bridges from an instance's functions to a compiler, since its tier-up copies replace them. Bridges
    /// that are already in use keep working.
    pub(in crate::store) fn forget_crossings(&self, instance: &Instance, to: Compiler) {
        let is_of = |function| self.instance_of(function).is_some_and(|owner| owner.id == instance.id);
        self.bridges.borrow_mut().made.retain(|(function, compiler), _| *compiler != to || !is_of(*function));
    }

    /// Forgets the compiler of a freed global.
    pub(in crate::store) fn forget_global(&self, id: GlobalId) {
        self.bridges.borrow_mut().globals.remove(&id);
    }

    /// Notes the compiler of the code that imports a host function, and the function's index in that module.
    pub(in crate::store) fn note_host(&self, function: FuncRef, compiler: Compiler, index: u32) {
        self.bridges.borrow_mut().hosts.insert(function, (compiler, index));
    }

    /// The index of a host function in the module that imports it.
    pub(in crate::store) fn host_index(&self, function: FuncRef) -> Option<u32> {
        self.bridges.borrow().hosts.get(&function).map(|(_, index)| *index)
    }

    /// Makes `function` the canonical function of `bridge`.
    pub(in crate::store) fn note_canonical(&self, bridge: FuncRef, function: FuncRef) {
        let function = self.canonical_function(function);
        self.bridges.borrow_mut().canonical.insert(bridge, function);
    }

    /// The canonical function of a bridge, tier-up copy or forwarder; any other function itself.
    pub fn canonical_function(&self, function: FuncRef) -> FuncRef {
        self.bridges.borrow().canonical.get(&function).copied().unwrap_or(function)
    }

    /// The compiler whose code `function` is; only code of that compiler may call it.
    pub fn compiler_of(&self, function: FuncRef) -> Compiler {
        match self.instance_of(function) {
            Some(instance) => instance.code().compiler,
            None => self.bridges.borrow().hosts.get(&function).map_or(Compiler::Cranelift, |(compiler, _)| *compiler),
        }
    }

    /// Whether code of `importer` may import `function` as it is.
    pub(in crate::store) fn imports_directly(&self, function: FuncRef, importer: Compiler) -> bool {
        if self.compiler_of(function) != importer {
            return false;
        }
        // Singlepass calls every import by the host's convention, with floats in float registers. Its own functions
        // expect them elsewhere.
        let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
        importer != Compiler::Singlepass
            || self.instance_of(function).is_none()
            || !self.type_of(function).parameters.iter().any(float)
    }

    /// The function that code of `compiler` can call for `function`: itself, its bridge or its tier-up copy.
    ///
    /// # Errors
    /// `Compiler` for a function with funcref parameters or results, which would pass the bridge unchanged; those of
    /// `adapt`.
    pub fn native_to(&self, function: FuncRef, compiler: Compiler) -> Result<FuncRef> {
        let function = self.canonical_function(function);
        if self.compiler_of(function) == compiler {
            return Ok(function);
        }
        let known = self.bridges.borrow().made.get(&(function, compiler)).copied();
        if let Some(bridge) = known {
            return Ok(bridge);
        }
        if let Some(tier_up) = self.tier_up_of(function, compiler) {
            self.bridges.borrow_mut().made.insert((function, compiler), tier_up);
            self.note_canonical(tier_up, function);
            return Ok(tier_up);
        }
        let ty = self.type_of(function);
        self.check_crossing(&ty, function, compiler)?;
        let pending = compiler.catches().then(|| self.pending());
        let bridge = self.adapt(&ty, Box::new(self.bridge(function, pending)), compiler)?;
        self.bridges.borrow_mut().made.insert((function, compiler), bridge);
        self.note_canonical(bridge, function);
        Ok(bridge)
    }

    /// The host function of a bridge to `function`.
    pub(in crate::store) fn bridge(&self, function: FuncRef, pending: Option<Pending>) -> Crossing {
        Crossing { function, host_stack: self.host_stack.clone(), wasm_stack: self.wasm_stack.clone(), pending }
    }

    /// Checks that a function of this type can be called through a bridge.
    pub(in crate::store) fn check_crossing(&self, ty: &FuncType, function: FuncRef, compiler: Compiler) -> Result<()> {
        let funcref = ValType::Ref(RefType::Func);
        if ty.parameters.iter().chain(&ty.results).all(|each| *each != funcref) {
            return Ok(());
        }
        let what = format!("a function of type {ty}");
        Err(mixed(what, compiler, self.compiler_of(function)))
    }

    /// Compiler of the functions that a table holds; the first function or importer decides.
    pub fn table_compiler(&self, id: TableId) -> Option<Compiler> {
        self.table_facts(id).compiler
    }

    /// Compiler of the function that a funcref global holds.
    pub fn global_compiler(&self, id: GlobalId) -> Option<Compiler> {
        self.bridges.borrow().globals.get(&id).copied()
    }

    /// Checks that code of `compiler` may call the functions that a table holds.
    pub(in crate::store) fn check_table(&self, id: TableId, compiler: Compiler) -> Result<()> {
        match self.table_compiler(id) {
            Some(other) if other != compiler => Err(mixed("the table".into(), compiler, other)),
            _ => Ok(()),
        }
    }

    /// Checks that code of `compiler` may call the function that a global holds.
    pub(in crate::store) fn check_global(&self, id: GlobalId, compiler: Compiler) -> Result<()> {
        match self.global_compiler(id) {
            Some(other) if other != compiler => Err(mixed("the global".into(), compiler, other)),
            _ => Ok(()),
        }
    }

    /// Sets the compiler of a funcref table, if it has none yet.
    pub(in crate::store) fn bind_table(&self, id: TableId, compiler: Compiler) {
        if self.table_element(id) != RefType::Func {
            return;
        }
        self.change_table_facts(id, |facts| facts.compiler = facts.compiler.or(Some(compiler)));
    }

    /// Sets the compiler of a funcref global, if it has none yet.
    pub fn bind_global(&self, id: GlobalId, compiler: Compiler) {
        if self.global_type(id).value != ValType::Ref(RefType::Func) {
            return;
        }
        self.bridges.borrow_mut().globals.entry(id).or_insert(compiler);
    }

    /// Whether callers of the table can call `function` directly.
    pub fn is_native_to_table(&self, function: FuncRef, id: TableId) -> bool {
        let TableFacts { compiler, mirror, .. } = self.table_facts(id);
        compiler.is_none_or(|compiler| compiler == self.compiler_of(function))
            && mirror.is_none_or(|mirror| self.is_native_to_table(function, mirror))
    }

    /// The function that callers of the table can call for `function`.
    ///
    /// # Errors
    /// The errors of `native_to`.
    pub fn native_to_table(&self, function: FuncRef, id: TableId) -> Result<FuncRef> {
        // Also makes the function for the table's mirror, so that a later write cannot fail.
        let TableFacts { compiler, mirror, .. } = self.table_facts(id);
        mirror.map(|mirror| self.native_to_table(function, mirror)).transpose()?;
        let compiler = compiler.unwrap_or_else(|| self.compiler_of(self.canonical_function(function)));
        self.native_to(function, compiler)
    }
}

fn mixed(what: String, expected: Compiler, actual: Compiler) -> Error {
    ErrorKind::Compiler { what, expected: expected.name(), actual: actual.name() }.into()
}
