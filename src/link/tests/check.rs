use super::{Linker, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::link::Change;
use crate::store::Reference;
use crate::store::test_support::{compile, instantiate, table};

#[test]
fn a_slot_that_would_call_itself_is_refused() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (linker.export(&instance, "f"), linker.export(&instance, "g"));
    assert_eq!(code(linker.link(thunk_f, f)), "ERR_RELINK_CYCLE");
    linker.link(thunk_g, f).unwrap();
    assert_eq!(code(linker.link(thunk_f, g)), "ERR_RELINK_CYCLE");
    assert_eq!((linker.call(&instance, "f"), linker.call(&instance, "g")), (2, 2));
}

#[test]
fn a_cycle_is_found_among_changes_that_are_made_together() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (linker.export(&instance, "f"), linker.export(&instance, "g"));
    let original = linker.original(f);
    assert_eq!(code(linker.relink(&[(thunk_g, f), (thunk_f, g)])), "ERR_RELINK_REFUSED");
    assert_eq!((linker.call(&instance, "f"), linker.call(&instance, "g")), (1, 2));
    // The second change of `f` breaks the chain before `g` closes it.
    linker.relink(&[(thunk_g, f), (original, f), (thunk_f, g)]).unwrap();
    assert_eq!((linker.call(&instance, "f"), linker.call(&instance, "g")), (1, 1));
}

#[test]
fn the_type_must_be_that_of_the_original() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let f = linker.slot(&instance, "f");
    let other = linker.instance(r#"(module (func (export "wide") (result i64) i64.const 1))"#);
    assert_eq!(code(linker.link(linker.export(&other, "wide"), f)), "ERR_RELINK_SIGNATURE");
    assert_eq!(linker.call(&instance, "f"), 1);
}

#[test]
fn a_table_entry_without_links_takes_the_type_of_what_it_holds_now() {
    let mut linker = Linker::default();
    let text = r#"(module (table (export "table") 1 funcref) (elem (i32.const 0) $one)
        (func $one (result i32) i32.const 1)
        (func $long (export "long") (result i64) i64.const 1))"#;
    // Without slots of its own, so that the entry is a slot and not one of a function's.
    let instance = instantiate(&linker.store, &compile(text, Compiler::Cranelift), Vec::new()).unwrap();
    let table = table(&linker.store, &instance, "table");
    let long = linker.export(&instance, "long");
    let slot = linker.slots.table_slot(&linker.store, table, 0).unwrap();
    assert_eq!(code(linker.link(long, slot)), "ERR_RELINK_SIGNATURE");
    table.set(&linker.store, 0, Reference::Func(Some(long))).unwrap();
    linker.link(long, slot).unwrap();
    assert_eq!(code(linker.slots.table_slot(&linker.store, table, 1)), "ERR_OUT_OF_RANGE");
    table.set(&linker.store, 0, Reference::Func(None)).unwrap();
    linker.reset(slot).unwrap();
    table.set(&linker.store, 0, Reference::Func(None)).unwrap();
    assert_eq!(code(linker.slots.table_slot(&linker.store, table, 0)), "ERR_RELINK_EMPTY_SLOT");
}

#[test]
fn a_function_of_two_names_is_linked_only_if_that_is_allowed() {
    let mut linker = Linker::default();
    let text = r#"(module (func $f (result i32) i32.const 1) (export "a" (func $f)) (export "b" (func $f)))"#;
    let (instance, other) = (linker.instance(text), linker.instance(TWO_SLOTS));
    let slot = linker.slots.of_instance(&linker.store, &instance, 0);
    let implementation = linker.export(&other, "g");
    assert_eq!(code(linker.link(implementation, slot)), "ERR_RELINK_MERGED");
    assert_eq!(code(linker.slots.check_slot(slot, false)), "ERR_RELINK_MERGED");
    linker.slots.link(&linker.store, &Change { position: 0, implementation, slot }, true, 1).unwrap();
    assert_eq!((linker.call(&instance, "a"), linker.call(&instance, "b")), (2, 2));
}

#[test]
fn closed_sides_are_refused() {
    let mut linker = Linker::default();
    let (one, other) = (linker.instance(TWO_SLOTS), linker.instance(TWO_SLOTS));
    let (f, g) = (linker.slot(&one, "f"), linker.slot(&other, "g"));
    let (of_one, of_other) = (linker.original(f), linker.original(g));
    let link = linker.link(of_one, g).unwrap();
    other.close(&linker.store, false);
    assert_eq!(code(linker.link(of_other, f)), "ERR_RELINK_CLOSED");
    assert_eq!(code(linker.link(of_one, g)), "ERR_RELINK_CLOSED");
    assert_eq!(code(linker.undo(&[link])), "ERR_RELINK_CLOSED");
    assert_eq!(code(linker.reset(g)), "ERR_RELINK_CLOSED");
    assert_eq!(linker.current(f), Some(of_one));
}
