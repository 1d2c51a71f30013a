use super::{Fixture, TWO_SLOTS};
use crate::engine::Compiler;
use crate::link::{Allowed, TableEntry, held_by_slot_of};
use crate::store::test_support::{COMPILERS, compile, instantiate, run_once, stored};
use crate::store::{Batch, Callable, Extern};

#[test]
fn a_batch_over_a_thunk_calls_what_the_slot_holds_until_a_link() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (thunk, one, two) = (fixture.export(&instance, "f"), fixture.original(f), fixture.original(g));
    assert_eq!(held_by_slot_of(&fixture.store, thunk), Some(one));
    assert_eq!(held_by_slot_of(&fixture.store, one), None, "it is no thunk");
    let results = {
        let Fixture { store, slots, .. } = &mut fixture;
        let batch =
            Batch::new(store, thunk, held_by_slot_of(store, thunk), &thunk.ty(store), Compiler::Cranelift).unwrap();
        let before = run_once(&batch);
        let change = crate::link::Change { position: 0, implementation: two, slot: f };
        slots.link(store, &change, Allowed::default(), 1).unwrap();
        [before, run_once(&batch)]
    };
    assert_eq!(results, [1, 2]);
}

#[test]
fn an_import_of_the_same_compiler_stands_in_the_dispatch_table_itself() {
    let text = r#"(module (import "m" "f" (func $f (result i32))) (export "f" (func $f))
        (func (export "call") (result i32) call $f))"#;
    for compiler in COMPILERS {
        let mut fixture = Fixture::default();
        let plain = compile(r#"(module (func (export "f") (result i32) i32.const 7))"#, Compiler::Cranelift);
        let plain = instantiate(&fixture.store, &plain, Vec::new()).unwrap();
        let imported = fixture.export(&plain, "f");
        let instance = fixture.import(text, compiler, vec![Extern::Function(Callable::Wasm(imported))]);
        let slot = fixture.slot(&instance, "f");
        let TableEntry { table, index } = fixture.slots.slot(slot).primary_entry;
        let is_native = table.is_native(&fixture.store, imported);
        assert_eq!(is_native, compiler == Compiler::Cranelift);
        assert_eq!(stored(&fixture.store, table, index) == Some(imported), is_native);
        assert_eq!(
            table.function(&fixture.store, index).unwrap(),
            Some(imported),
            "the canonical function in any case"
        );
        assert_eq!(fixture.call(&instance, "call"), 7);
    }
}
