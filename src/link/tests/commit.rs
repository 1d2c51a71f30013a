use super::{Fixture, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::error::{ErrorKind, RefusedChange};
use crate::link::Allowed;
use crate::link::TableEntry;
use crate::store::test_support::{COMPILERS, table};

#[test]
fn a_link_decides_what_every_way_to_the_slot_calls() {
    for compiler in COMPILERS {
        let mut fixture = Fixture::default();
        let (one, other) = (fixture.instance(TWO_SLOTS), fixture.import(TWO_SLOTS, compiler, Vec::new()));
        let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&other, "g"));
        let implementation = fixture.original(g);
        let link = fixture.link(implementation, f).unwrap();
        for name in ["f", "call_f", "call_pointer"] {
            assert_eq!(fixture.call(&one, name), 2, "{name} on {compiler:?}");
        }
        assert_eq!(fixture.call(&one, "g"), 2);
        assert_eq!(fixture.call(&other, "f"), 1, "a slot belongs to one instance");
        assert_eq!((link.slot, link.below, link.skipped), (f, 0, 0));
        assert_eq!(link.previous, Some(fixture.original(f)));
        assert_eq!(fixture.current(f), Some(implementation));
        assert_eq!(fixture.slots.linked(), 1);
    }
}

#[test]
fn an_entry_that_someone_else_has_written_is_skipped() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let entry = TableEntry { table: table(&fixture.store, &instance, "table"), index: 0 };
    let (thunk, original) = (fixture.export(&instance, "call_g"), fixture.original(g));
    entry.set(&fixture.store, Some(thunk));
    let link = fixture.link(original, f).unwrap();
    assert_eq!((link.skipped, entry.get(&fixture.store)), (1, Some(thunk)));
    fixture.reset(f).unwrap();
    assert_eq!(entry.get(&fixture.store), Some(thunk), "nor does reset write it");
}

#[test]
fn all_changes_are_made_or_none() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let wide = fixture.instance(r#"(module (func (export "wide") (result i64) i64.const 1))"#);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (before_f, before_g) = (fixture.original(f), fixture.original(g));
    let wide = fixture.export(&wide, "wide");
    let error = fixture.relink(&[(before_g, f), (wide, g), (wide, f)]).unwrap_err();
    let ErrorKind::Refused { changes } = error.kind() else { panic!("{error:?}") };
    let refused: Vec<_> =
        changes.iter().map(|change| (change.index, change.property("slot"), change.property("code"))).collect();
    assert_eq!(refused, [(1, "g", "ERR_RELINK_SIGNATURE"), (2, "f", "ERR_RELINK_SIGNATURE")]);
    assert_eq!((fixture.current(f), fixture.current(g)), (Some(before_f), Some(before_g)));
    assert_eq!(fixture.slots.linked(), 0);
    let links = fixture.relink(&[(before_g, f), (before_f, g)]).unwrap();
    assert_eq!((fixture.call(&instance, "f"), fixture.call(&instance, "g")), (2, 1));
    assert_eq!(links.iter().map(|link| (link.slot, link.below)).collect::<Vec<_>>(), [(f, 0), (g, 0)]);
}

#[test]
fn a_refusal_that_the_caller_has_found_takes_its_place_among_the_others() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let f = fixture.slot(&instance, "f");
    let refused =
        |index, slot: &str| RefusedChange::new(index, slot, &ErrorKind::Undone { slot: slot.to_owned() }.into());
    let change = crate::link::Change { position: 2, implementation: fixture.export(&instance, "f"), slot: f };
    let error = fixture
        .slots
        .relink(&fixture.store, &[change], Allowed::default(), vec![refused(3, "elsewhere"), refused(1, "first")], 1)
        .unwrap_err();
    let ErrorKind::Refused { changes } = error.kind() else { panic!("{error:?}") };
    assert_eq!(changes.iter().map(|change| change.index).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_function_of_the_other_compiler_is_the_same_function_in_the_slot() {
    let mut fixture = Fixture::default();
    let slow = fixture.import(TWO_SLOTS, Compiler::Singlepass, Vec::new());
    let fast = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&fast, "f"), fixture.slot(&slow, "g"));
    let implementation = fixture.original(g);
    fixture.link(implementation, f).unwrap();
    assert_eq!((fixture.current(f), fixture.call(&fast, "call_f")), (Some(implementation), 2));
    assert_eq!(code(fixture.link(fixture.export(&fast, "f"), f)), "ERR_RELINK_CYCLE");
}
