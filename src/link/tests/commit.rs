use super::{Linker, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::error::{ErrorKind, RefusedChange};
use crate::link::TableEntry;
use crate::store::test_support::{COMPILERS, table};

#[test]
fn a_link_decides_what_every_way_to_the_slot_calls() {
    for compiler in COMPILERS {
        let mut linker = Linker::default();
        let (one, other) = (linker.instance(TWO_SLOTS), linker.import(TWO_SLOTS, compiler, Vec::new()));
        let (f, g) = (linker.slot(&one, "f"), linker.slot(&other, "g"));
        let implementation = linker.original(g);
        let link = linker.link(implementation, f).unwrap();
        for name in ["f", "call_f", "call_pointer"] {
            assert_eq!(linker.call(&one, name), 2, "{name} on {compiler:?}");
        }
        assert_eq!(linker.call(&one, "g"), 2);
        assert_eq!(linker.call(&other, "f"), 1, "a slot belongs to one instance");
        assert_eq!((link.slot, link.below, link.skipped), (f, 0, 0));
        assert_eq!(link.previous, Some(linker.original(f)));
        assert_eq!(linker.current(f), Some(implementation));
        assert_eq!(linker.slots.linked(), 1);
    }
}

#[test]
fn an_entry_that_someone_else_has_written_is_skipped() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let entry = TableEntry { table: table(&linker.store, &instance, "table"), index: 0 };
    let (thunk, original) = (linker.export(&instance, "call_g"), linker.original(g));
    entry.set(&linker.store, Some(thunk));
    let link = linker.link(original, f).unwrap();
    assert_eq!((link.skipped, entry.get(&linker.store)), (1, Some(thunk)));
    linker.reset(f).unwrap();
    assert_eq!(entry.get(&linker.store), Some(thunk), "nor does reset write it");
}

#[test]
fn all_changes_are_made_or_none() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let wide = linker.instance(r#"(module (func (export "wide") (result i64) i64.const 1))"#);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (before_f, before_g) = (linker.original(f), linker.original(g));
    let wide = linker.export(&wide, "wide");
    let error = linker.relink(&[(before_g, f), (wide, g), (wide, f)]).unwrap_err();
    let ErrorKind::Refused { changes } = error.kind() else { panic!("{error:?}") };
    let refused: Vec<_> =
        changes.iter().map(|change| (change.index, change.property("slot"), change.property("code"))).collect();
    assert_eq!(refused, [(1, "g", "ERR_RELINK_SIGNATURE"), (2, "f", "ERR_RELINK_SIGNATURE")]);
    assert_eq!((linker.current(f), linker.current(g)), (Some(before_f), Some(before_g)));
    assert_eq!(linker.slots.linked(), 0);
    let links = linker.relink(&[(before_g, f), (before_f, g)]).unwrap();
    assert_eq!((linker.call(&instance, "f"), linker.call(&instance, "g")), (2, 1));
    assert_eq!(links.iter().map(|link| (link.slot, link.below)).collect::<Vec<_>>(), [(f, 0), (g, 0)]);
}

#[test]
fn a_refusal_that_the_caller_has_found_takes_its_place_among_the_others() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let f = linker.slot(&instance, "f");
    let refused =
        |index, slot: &str| RefusedChange::new(index, slot, &ErrorKind::EmptySlot { slot: slot.to_owned() }.into());
    let change = crate::link::Change { position: 2, implementation: linker.export(&instance, "f"), slot: f };
    let error = linker
        .slots
        .relink(&linker.store, &[change], false, vec![refused(3, "elsewhere"), refused(1, "first")], 1)
        .unwrap_err();
    let ErrorKind::Refused { changes } = error.kind() else { panic!("{error:?}") };
    assert_eq!(changes.iter().map(|change| change.index).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_function_of_the_other_compiler_is_the_same_function_in_the_slot() {
    let mut linker = Linker::default();
    let slow = linker.import(TWO_SLOTS, Compiler::Singlepass, Vec::new());
    let fast = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&fast, "f"), linker.slot(&slow, "g"));
    let implementation = linker.original(g);
    linker.link(implementation, f).unwrap();
    assert_eq!((linker.current(f), linker.call(&fast, "call_f")), (Some(implementation), 2));
    assert_eq!(code(linker.link(linker.export(&fast, "f"), f)), "ERR_RELINK_CYCLE");
}
