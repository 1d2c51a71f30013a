use super::{Linker, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::link::{Link, TableEntry};
use crate::store::test_support::table;
use crate::store::{Callable, Extern};

/// All orders of three things.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn links_of_a_slot_are_undone_from_the_newest() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (one, two) = (linker.original(f), linker.original(g));
    let first = linker.link(two, f).unwrap();
    let second = linker.link(one, f).unwrap();
    assert_eq!(second.below, first.id);
    assert_eq!(code(linker.undo(&[first])), "ERR_RELINK_ORDER");
    linker.undo(&[second]).unwrap();
    assert_eq!(linker.call(&instance, "f"), 2);
    linker.undo(&[first]).unwrap();
    assert_eq!((linker.call(&instance, "f"), linker.call(&instance, "call_pointer")), (1, 1));
    assert!(!linker.slots.is_linked(f));
    assert_eq!(linker.slots.linked(), 0);
}

#[test]
fn many_are_undone_in_any_order_that_is_one_or_not_at_all() {
    for order in ORDERS {
        let mut linker = Linker::default();
        let instance = linker.instance(TWO_SLOTS);
        let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
        let (one, two) = (linker.original(f), linker.original(g));
        let entries = [0, 1].map(|index| TableEntry { table: table(&linker.store, &instance, "table"), index });
        let links = [linker.link(two, f).unwrap(), linker.link(one, f).unwrap(), linker.link(one, g).unwrap()];
        let given: Vec<Link> = order.map(|index| links[index]).to_vec();
        // The last of the list goes first: `f`'s second link must stand after its first one.
        let fits = order.iter().position(|index| *index == 0) < order.iter().position(|index| *index == 1);
        let undone = linker.undo(&given);
        assert_eq!(undone.is_ok(), fits, "{order:?}");
        let (expected_g, held) = if fits { (2, [one, two]) } else { (1, [one, one]) };
        assert_eq!((linker.call(&instance, "call_f"), linker.call(&instance, "call_g")), (1, expected_g), "{order:?}");
        assert_eq!([linker.current(f), linker.current(g)], held.map(Some), "{order:?}");
        assert_eq!(entries.map(|entry| entry.get(&linker.store)), held.map(Some), "{order:?}");
        if !fits {
            assert_eq!(code(undone), "ERR_RELINK_ORDER");
            linker.undo(&links).unwrap();
            assert_eq!([linker.current(f), linker.current(g)], [one, two].map(Some), "a refusal has ended no link");
        }
        assert_eq!(linker.slots.linked(), 0);
    }
}

#[test]
fn a_link_that_a_reset_has_ended_cannot_be_undone() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (one, two) = (linker.original(f), linker.original(g));
    let link = linker.link(two, f).unwrap();
    linker.reset(f).unwrap();
    assert_eq!((linker.current(f), linker.call(&instance, "call_pointer")), (Some(one), 1));
    assert_eq!(code(linker.undo(&[link])), "ERR_RELINK_UNDONE");
    assert_eq!(code(linker.undo(&[Link { id: 0, ..link }])), "ERR_RELINK_UNDONE");
    let next = linker.link(two, f).unwrap();
    assert_eq!(next.below, 0);
    linker.undo(&[next]).unwrap();
    assert_eq!(linker.current(f), Some(one));
}

#[test]
fn an_entry_that_was_written_since_is_left_as_it_is() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (one, two) = (linker.original(f), linker.original(g));
    let entry = TableEntry { table: table(&linker.store, &instance, "table"), index: 0 };
    let links = [linker.link(two, f).unwrap(), linker.link(one, g).unwrap()];
    let other = linker.export(&instance, "call_g");
    entry.set(&linker.store, Some(other));
    assert_eq!(code(linker.undo(&links)), "ERR_RELINK_CHANGED");
    assert_eq!((linker.current(f), linker.current(g)), (Some(two), Some(one)), "the other one was put back");
    assert_eq!(entry.get(&linker.store), Some(other));
    // Reset also writes the entries that links wrote and someone else has written since.
    linker.reset(f).unwrap();
    assert_eq!(entry.get(&linker.store), Some(one));
}

#[test]
fn an_undo_that_would_close_a_cycle_is_refused_and_changes_nothing() {
    let mut linker = Linker::default();
    let instance = linker.instance(TWO_SLOTS);
    let (f, g) = (linker.slot(&instance, "f"), linker.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (linker.export(&instance, "f"), linker.export(&instance, "g"));
    let one = linker.original(f);
    let first = linker.link(thunk_g, f).unwrap();
    let second = linker.link(one, f).unwrap();
    linker.link(thunk_f, g).unwrap();
    assert_eq!(code(linker.undo(&[second])), "ERR_RELINK_CYCLE");
    assert_eq!((linker.current(f), linker.current(g)), (Some(one), Some(thunk_f)));
    assert_eq!((linker.call(&instance, "call_f"), linker.call(&instance, "call_g")), (1, 1));
    // Undoing both at once leaves no cycle.
    linker.undo(&[first, second]).unwrap();
    assert_eq!(linker.current(f), Some(one));
}

#[test]
fn a_reset_that_would_close_a_cycle_is_refused() {
    let mut linker = Linker::default();
    let provider = linker.instance(TWO_SLOTS);
    let imports = vec![Extern::Function(Callable::Wasm(linker.export(&provider, "f")))];
    let text = r#"(module (import "m" "f" (func $f (result i32))) (export "again" (func $f)))"#;
    let importer = linker.import(text, Compiler::Cranelift, imports);
    let (f, again) = (linker.slot(&provider, "f"), linker.slot(&importer, "again"));
    let two = linker.export(&provider, "g");
    assert_eq!(linker.original(again), linker.export(&provider, "f"), "what is imported is itself a thunk");
    linker.link(two, again).unwrap();
    linker.link(linker.export(&importer, "again"), f).unwrap();
    assert_eq!(code(linker.reset(again)), "ERR_RELINK_CYCLE");
    assert_eq!((linker.current(again), linker.call(&provider, "call_f")), (Some(two), 2));
    linker.reset(f).unwrap();
    linker.reset(again).unwrap();
    assert_eq!((linker.call(&provider, "call_f"), linker.call(&importer, "again")), (1, 1));
}
