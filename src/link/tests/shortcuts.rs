use super::{Linker, TWO_SLOTS};
use crate::engine::Compiler;
use crate::link::{TableEntry, held_by_slot_of};
use crate::store::test_support::{COMPILERS, compile, instantiate, run_once, stored};
use crate::store::{Batch, Callable, Extern};

#[test]
fn a_batch_over_a_thunk_calls_what_the_slot_holds_until_a_link() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (thunk, one, two) = (linker.export(&instance, "f"), linker.original(f), linker.original(g));
    assert_eq!(held_by_slot_of(&linker.store, thunk), Some(one));
    assert_eq!(held_by_slot_of(&linker.store, one), None, "it is no thunk");
    let results = {
        let Linker { store, slots, .. } = &mut linker;
        let batch =
            Batch::new(store, thunk, held_by_slot_of(store, thunk), &thunk.ty(store), Compiler::Cranelift).unwrap();
        let before = run_once(&batch);
        let change = crate::link::Change { position: 0, implementation: two, slot: f };
        slots.link(store, &change, false, 1).unwrap();
        [before, run_once(&batch)]
    };
    assert_eq!(results, [1, 2]);
}

#[test]
fn an_import_of_the_same_compiler_stands_in_the_dispatch_table_itself() {
    let text = r#"(module (import "m" "f" (func $f (result i32))) (export "f" (func $f))
        (func (export "call") (result i32) call $f))"#;
    for compiler in COMPILERS {
        let mut linker = Linker::default();
        let plain = compile(r#"(module (func (export "f") (result i32) i32.const 7))"#, Compiler::Cranelift);
        let plain = instantiate(&linker.store, &plain, Vec::new()).unwrap();
        let imported = linker.export(&plain, "f");
        let instance = linker.import(text, compiler, vec![Extern::Function(Callable::Wasm(imported))]);
        let slot = linker.slot(&instance, "f");
        let TableEntry { table, index } = linker.slots.slot(slot).primary_entry;
        let is_native = table.is_native(&linker.store, imported);
        assert_eq!(is_native, compiler == Compiler::Cranelift);
        assert_eq!(stored(&linker.store, table, index) == Some(imported), is_native);
        assert_eq!(table.function(&linker.store, index).unwrap(), Some(imported), "the canonical function in any case");
        assert_eq!(linker.call(&instance, "call"), 7);
    }
}
