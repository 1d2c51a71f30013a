use super::{Fixture, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::link::{Allowed, Change};
use crate::store::Reference;
use crate::store::test_support::{compile, instantiate, table};

#[test]
fn a_slot_that_would_call_itself_is_refused() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (fixture.export(&instance, "f"), fixture.export(&instance, "g"));
    assert_eq!(code(fixture.link(thunk_f, f)), "ERR_RELINK_CYCLE");
    fixture.link(thunk_g, f).unwrap();
    assert_eq!(code(fixture.link(thunk_f, g)), "ERR_RELINK_CYCLE");
    assert_eq!((fixture.call(&instance, "f"), fixture.call(&instance, "g")), (2, 2));
}

#[test]
fn a_cycle_is_found_among_changes_that_are_made_together() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (fixture.export(&instance, "f"), fixture.export(&instance, "g"));
    let original = fixture.original(f);
    assert_eq!(code(fixture.relink(&[(thunk_g, f), (thunk_f, g)])), "ERR_RELINK_REFUSED");
    assert_eq!((fixture.call(&instance, "f"), fixture.call(&instance, "g")), (1, 2));
    // The second change of `f` would break the chain, but a slot is changed once.
    let twice = fixture.relink(&[(thunk_g, f), (original, f), (thunk_f, g)]);
    assert_eq!(code(twice), "ERR_RELINK_REFUSED");
    assert_eq!((fixture.call(&instance, "f"), fixture.call(&instance, "g")), (1, 2));
}

#[test]
fn the_type_must_be_that_of_the_original() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let f = fixture.slot(&instance, "f");
    let other = fixture.instance(r#"(module (func (export "wide") (result i64) i64.const 1))"#);
    assert_eq!(code(fixture.link(fixture.export(&other, "wide"), f)), "ERR_RELINK_SIGNATURE");
    assert_eq!(fixture.call(&instance, "f"), 1);
}

#[test]
fn a_table_entry_without_links_takes_the_type_of_what_it_holds_now() {
    let mut fixture = Fixture::default();
    let text = r#"(module (table (export "table") 1 funcref) (elem (i32.const 0) $one)
        (func $one (result i32) i32.const 1)
        (func $long (export "long") (result i64) i64.const 1))"#;
    // No function of the module is a slot, so the table entry is a slot by itself.
    let instance = instantiate(&fixture.store, &compile(text, Compiler::Cranelift), Vec::new()).unwrap();
    let table = table(&fixture.store, &instance, "table");
    let long = fixture.export(&instance, "long");
    let slot = fixture.slots.table_slot(&fixture.store, table, 0).unwrap();
    assert_eq!(code(fixture.link(long, slot)), "ERR_RELINK_SIGNATURE");
    table.set(&fixture.store, 0, Reference::Func(Some(long))).unwrap();
    fixture.link(long, slot).unwrap();
    assert_eq!(code(fixture.slots.table_slot(&fixture.store, table, 1)), "ERR_OUT_OF_RANGE");
    table.set(&fixture.store, 0, Reference::Func(None)).unwrap();
    fixture.reset(slot).unwrap();
    table.set(&fixture.store, 0, Reference::Func(None)).unwrap();
    let empty = fixture.slots.table_slot(&fixture.store, table, 0).unwrap();
    assert_eq!((fixture.slots.slot(empty).original, fixture.slots.slot(empty).ty.clone()), (None, None));
    assert_eq!(code(fixture.link(long, empty)), "ERR_RELINK_SIGNATURE", "no code calls through the table");
    assert_eq!(fixture.current(empty), None);
}

#[test]
fn an_entry_takes_the_types_of_its_call_sites() {
    let mut fixture = Fixture::default();
    let text = r#"(module (table (export "table") 2 funcref) (elem (i32.const 0) $nothing)
        (type (func (result i32)))
        (func $nothing (export "nothing"))
        (func (export "five") (result i32) i32.const 5)
        (func (export "long") (result i64) i64.const 1)
        (func (export "direct") call $nothing)
        (func (export "call") (result i32) i32.const 0 call_indirect (type 0))
        (func (export "call_empty") (result i32) i32.const 1 call_indirect (type 0)))"#;
    let instance = fixture.instance(text);
    let table = table(&fixture.store, &instance, "table");
    let (five, long) = (fixture.export(&instance, "five"), fixture.export(&instance, "long"));
    let named = fixture.slots.table_slot(&fixture.store, table, 0).unwrap();
    assert_eq!(code(fixture.link(five, named)), "ERR_RELINK_SIGNATURE");
    let entry = fixture.slots.entry_slot(&fixture.store, named).unwrap();
    let allowed = Allowed { call_sites: true, ..Allowed::default() };
    let mut link = |implementation, slot, id| {
        fixture.slots.link(&fixture.store, &Change { position: 0, implementation, slot }, allowed, id)
    };
    assert_eq!(code(link(long, entry, 1)), "ERR_RELINK_SIGNATURE");
    let change = link(five, entry, 2).unwrap();
    assert_eq!(fixture.call(&instance, "call"), 5);
    assert_eq!(fixture.slots.current(&fixture.store, named), fixture.slots.slot(named).original);
    fixture.undo(&[change]).unwrap();
    assert_eq!(fixture.slots.table_slot(&fixture.store, table, 0).unwrap(), named, "the entry holds its thunk");

    let empty = fixture.slots.table_slot(&fixture.store, table, 1).unwrap();
    let change = fixture.link(five, empty).unwrap();
    assert_eq!(fixture.call(&instance, "call_empty"), 5);
    fixture.undo(&[change]).unwrap();
    assert_eq!(fixture.current(empty), None);
}

#[test]
fn a_function_of_two_names_is_linked_only_if_that_is_allowed() {
    let mut fixture = Fixture::default();
    let text = r#"(module (func $f (result i32) i32.const 1) (export "a" (func $f)) (export "b" (func $f)))"#;
    let (instance, other) = (fixture.instance(text), fixture.instance(TWO_SLOTS));
    let slot = fixture.slots.of_instance(&fixture.store, &instance, 0);
    let implementation = fixture.export(&other, "g");
    assert_eq!(code(fixture.link(implementation, slot)), "ERR_RELINK_MERGED");
    assert_eq!(code(fixture.slots.check_slot(slot, false)), "ERR_RELINK_MERGED");
    fixture
        .slots
        .link(
            &fixture.store,
            &Change { position: 0, implementation, slot },
            Allowed { merged: true, ..Allowed::default() },
            1,
        )
        .unwrap();
    assert_eq!((fixture.call(&instance, "a"), fixture.call(&instance, "b")), (2, 2));
}

#[test]
fn closed_sides_are_refused() {
    let mut fixture = Fixture::default();
    let (one, other) = (fixture.instance(TWO_SLOTS), fixture.instance(TWO_SLOTS));
    let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&other, "g"));
    let (of_one, of_other) = (fixture.original(f), fixture.original(g));
    let link = fixture.link(of_one, g).unwrap();
    other.close(&fixture.store, false);
    assert_eq!(code(fixture.link(of_other, f)), "ERR_RELINK_CLOSED");
    assert_eq!(code(fixture.link(of_one, g)), "ERR_RELINK_CLOSED");
    assert_eq!(code(fixture.undo(&[link])), "ERR_RELINK_CLOSED");
    assert_eq!(code(fixture.reset(g)), "ERR_RELINK_CLOSED");
    assert_eq!(fixture.current(f), Some(of_one));
}
