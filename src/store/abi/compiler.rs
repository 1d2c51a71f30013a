//! The compilers of functions, tables and globals: only code of a function's own compiler may call it.

use crate::engine::Compiler;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{FuncRef, GlobalId, Store, TableId};
use crate::wasm::{RefType, ValType};

impl FuncRef {
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
}

impl GlobalId {
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

    /// Forgets the compiler of a freed global.
    pub(in crate::store) fn forget(self, store: &Store) {
        store.bridges.borrow_mut().globals.remove(&self);
    }
}

/// The error for an object or a function of another compiler than the expected one.
pub(in crate::store) fn mixed(what: String, expected: Compiler, actual: Compiler) -> Error {
    ErrorKind::Compiler { what, expected: expected.name(), actual: actual.name() }.into()
}
