//! Host functions that calls through the dispatch table of an instance reach without their forwarders.
//!
//! A forwarder that calls a host function costs more than one call: parking leaves its frame on wasm's stack, so its return is
//! predicted wrongly. Only calls read wasmer's copy of the dispatch table. So the copy holds the host function, and the table
//! itself the forwarder, by which JavaScript, slots and the collector know the entry.

use crate::engine::Compiler;
use crate::store::call::host::HostContext;
use crate::store::instance::entity::Instance;
use crate::store::object::forwarders::Forwarders;
use crate::store::{FuncRef, Store, TableId};
use crate::wasm::ValType;

impl Instance {
    /// From now on, writes of its forwarders to its dispatch table let calls skip these where they call host functions.
    ///
    /// # Panics
    /// If it is called twice.
    pub fn skip_forwarders(&self, store: &Store, dispatch: TableId) {
        let code = self.code();
        let Some(first) = code.forwarders.first().filter(|_| code.tail_calls.is_none()) else { return };
        let called = code.forwarders.iter().map(|forwarder| {
            let import = self.contents.imports[forwarder.import as usize];
            if self.calls_directly(store, import) { import } else { self.function(store, forwarder.function) }
        });
        let is_first = self.called.set(called.collect()).is_ok();
        assert!(is_first, "an instance has one dispatch table");
        let called = self.called.get().expect("it was just set");
        // SAFETY: the forwarders follow each other. The collector forgets the table's facts when it frees the instance.
        let forwarders = unsafe { Forwarders::new(self.function(store, first.function), called) };
        dispatch.change_facts(store, |facts| facts.forwarders = Some(forwarders));
    }

    /// Whether its code can call an import through a table as it does directly, and the import is a host function.
    fn calls_directly(&self, store: &Store, import: FuncRef) -> bool {
        // Indirect calls of Singlepass pass floats in other registers than calls of imports.
        let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
        let fits = || self.code().compiler != Compiler::Singlepass || !import.ty(store).parameters.iter().any(float);
        // SAFETY: the context of a function that no instance defines is that of a host function, which the instance keeps.
        import.instance(store).is_none() && unsafe { HostContext::is_static(import.context()) } && fits()
    }
}

impl FuncRef {
    /// The host function that calls through a dispatch table reach in the place of a forwarder; none for any other function.
    pub(in crate::store) fn skipped_to(self, store: &Store) -> Option<FuncRef> {
        let (instance, index) = self.locate(store)?;
        let forwarders = &instance.code().forwarders;
        let position = forwarders.binary_search_by_key(&index, |forwarder| forwarder.function).ok()?;
        let called = *instance.called.get()?.get(position)?;
        (called != self).then_some(called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::Selection;
    use crate::store::test_support::{COMPILERS, call, compile_with, function, instantiate, new_store, stored};
    use crate::store::{Callable, Extern, HostFunction, RawValue, Reference, Thrown};
    use std::ffi::c_void;
    use std::ptr;

    /// A host function that returns 7, with or without static code.
    struct Seven {
        is_static: bool,
    }

    impl HostFunction for Seven {
        unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
            // SAFETY: the functions of these tests have one result.
            unsafe { *values = RawValue { i32: 7 } };
            Ok(())
        }

        fn parkable(&self) -> Option<*const c_void> {
            self.is_static.then_some(ptr::null())
        }
    }

    /// The function that calls through an entry reach: what wasmer's copy holds.
    fn called_through(store: &Store, table: TableId, index: u32) -> usize {
        let copy = table.facts(store).copy.expect("a dispatch table has a fixed size");
        // SAFETY: the entry exists; both members of the union are pointers.
        unsafe { (*copy.as_ptr().add(index as usize)).vmctx.host_env as usize }
    }

    #[test]
    fn calls_skip_the_forwarder_of_a_host_function_with_static_code() {
        let with = |parameter: &str| {
            format!(
                r#"(module (type $f (func (param {parameter}) (result i32))) (import "a" "f" (func $f (type $f)))
                (func $other (type $f) i32.const 8)
                (func (export "call") (result i32) {parameter}.const 1 call $f))"#
            )
        };
        for compiler in COMPILERS {
            for (parameter, is_static) in [("i32", true), ("i64", true), ("f64", true), ("i32", false)] {
                let store = new_store();
                let code = compile_with(&with(parameter), compiler, &Selection::Default);
                let host = Extern::Function(Callable::Host(Box::new(Seven { is_static })));
                let instance = instantiate(&store, &code, vec![host]).unwrap();
                let (dispatch, import) = (instance.table(&store, code.dispatch_table()), instance.function(&store, 0));
                let forwarder = stored(&store, dispatch, 0).unwrap();
                instance.skip_forwarders(&store, dispatch);
                let skips = is_static && (compiler == Compiler::Cranelift || parameter != "f64");
                for held in [forwarder, instance.function(&store, 1), forwarder] {
                    dispatch.set(&store, 0, Reference::Func(Some(held))).unwrap();
                    let skipped = held == forwarder && skips;
                    assert_eq!(held.skipped_to(&store), skipped.then_some(import), "{compiler:?} {parameter}");
                    let reached = if skipped { import } else { held };
                    assert_eq!(called_through(&store, dispatch, 0), reached.context());
                    assert_eq!(stored(&store, dispatch, 0), Some(held), "others see what was written");
                    let expected = if held == forwarder { 7 } else { 8 };
                    assert_eq!(call(&store, function(&store, &instance, "call")).unwrap(), expected);
                }
            }
        }
    }
}
