use super::{Fixture, TWO_SLOTS, code};
use crate::engine::Compiler;
use crate::link::{Link, TableEntry};
use crate::store::test_support::table;
use crate::store::{Callable, Extern};

/// All orders of three things.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn links_of_a_slot_are_undone_from_the_newest() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (one, two) = (fixture.original(f), fixture.original(g));
    let first = fixture.link(two, f).unwrap();
    let second = fixture.link(one, f).unwrap();
    assert_eq!(second.below, first.id);
    assert_eq!(code(fixture.undo(&[first])), "ERR_RELINK_ORDER");
    fixture.undo(&[second]).unwrap();
    assert_eq!(fixture.call(&instance, "f"), 2);
    fixture.undo(&[first]).unwrap();
    assert_eq!((fixture.call(&instance, "f"), fixture.call(&instance, "call_pointer")), (1, 1));
    assert!(!fixture.slots.is_linked(f));
    assert_eq!(fixture.slots.linked(), 0);
}

#[test]
fn many_are_undone_in_any_order_that_is_one_or_not_at_all() {
    for order in ORDERS {
        let mut fixture = Fixture::default();
        let instance = fixture.instance(TWO_SLOTS);
        let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
        let (one, two) = (fixture.original(f), fixture.original(g));
        let entries = [0, 1].map(|index| TableEntry { table: table(&fixture.store, &instance, "table"), index });
        let links = [fixture.link(two, f).unwrap(), fixture.link(one, f).unwrap(), fixture.link(one, g).unwrap()];
        let given: Vec<Link> = order.map(|index| links[index]).to_vec();
        // The last link of the list is undone first: `f`'s second link must come after its first one in the list.
        let fits = order.iter().position(|index| *index == 0) < order.iter().position(|index| *index == 1);
        let undone = fixture.undo(&given);
        assert_eq!(undone.is_ok(), fits, "{order:?}");
        let (expected_g, held) = if fits { (2, [one, two]) } else { (1, [one, one]) };
        assert_eq!(
            (fixture.call(&instance, "call_f"), fixture.call(&instance, "call_g")),
            (1, expected_g),
            "{order:?}"
        );
        assert_eq!([fixture.current(f), fixture.current(g)], held.map(Some), "{order:?}");
        assert_eq!(entries.map(|entry| entry.get(&fixture.store)), held.map(Some), "{order:?}");
        if !fits {
            assert_eq!(code(undone), "ERR_RELINK_ORDER");
            fixture.undo(&links).unwrap();
            assert_eq!([fixture.current(f), fixture.current(g)], [one, two].map(Some), "a refusal has ended no link");
        }
        assert_eq!(fixture.slots.linked(), 0);
    }
}

#[test]
fn a_link_that_a_reset_has_ended_cannot_be_undone() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (one, two) = (fixture.original(f), fixture.original(g));
    let link = fixture.link(two, f).unwrap();
    fixture.reset(f).unwrap();
    assert_eq!((fixture.current(f), fixture.call(&instance, "call_pointer")), (Some(one), 1));
    assert_eq!(code(fixture.undo(&[link])), "ERR_RELINK_UNDONE");
    assert_eq!(code(fixture.undo(&[Link { id: 0, ..link }])), "ERR_RELINK_UNDONE");
    let next = fixture.link(two, f).unwrap();
    assert_eq!(next.below, 0);
    fixture.undo(&[next]).unwrap();
    assert_eq!(fixture.current(f), Some(one));
}

#[test]
fn an_entry_that_was_written_since_is_left_as_it_is() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (one, two) = (fixture.original(f), fixture.original(g));
    let entry = TableEntry { table: table(&fixture.store, &instance, "table"), index: 0 };
    let links = [fixture.link(two, f).unwrap(), fixture.link(one, g).unwrap()];
    let other = fixture.export(&instance, "call_g");
    entry.set(&fixture.store, Some(other));
    assert_eq!(code(fixture.undo(&links)), "ERR_RELINK_CHANGED");
    assert_eq!((fixture.current(f), fixture.current(g)), (Some(two), Some(one)), "the other one was put back");
    assert_eq!(entry.get(&fixture.store), Some(other));
    // Reset also writes an entry that a link had written and someone else has overwritten since.
    fixture.reset(f).unwrap();
    assert_eq!(entry.get(&fixture.store), Some(one));
}

#[test]
fn an_undo_that_would_close_a_cycle_is_refused_and_changes_nothing() {
    let mut fixture = Fixture::default();
    let instance = fixture.instance(TWO_SLOTS);
    let (f, g) = (fixture.slot(&instance, "f"), fixture.slot(&instance, "g"));
    let (thunk_f, thunk_g) = (fixture.export(&instance, "f"), fixture.export(&instance, "g"));
    let one = fixture.original(f);
    let first = fixture.link(thunk_g, f).unwrap();
    let second = fixture.link(one, f).unwrap();
    fixture.link(thunk_f, g).unwrap();
    assert_eq!(code(fixture.undo(&[second])), "ERR_RELINK_CYCLE");
    assert_eq!((fixture.current(f), fixture.current(g)), (Some(one), Some(thunk_f)));
    assert_eq!((fixture.call(&instance, "call_f"), fixture.call(&instance, "call_g")), (1, 1));
    // Undoing both at once leaves no cycle.
    fixture.undo(&[first, second]).unwrap();
    assert_eq!(fixture.current(f), Some(one));
}

#[test]
fn a_reset_that_would_close_a_cycle_is_refused() {
    let mut fixture = Fixture::default();
    let provider = fixture.instance(TWO_SLOTS);
    let imports = vec![Extern::Function(Callable::Wasm(fixture.export(&provider, "f")))];
    let text = r#"(module (import "m" "f" (func $f (result i32))) (export "again" (func $f)))"#;
    let importer = fixture.import(text, Compiler::Cranelift, imports);
    let (f, again) = (fixture.slot(&provider, "f"), fixture.slot(&importer, "again"));
    let two = fixture.export(&provider, "g");
    assert_eq!(fixture.original(again), fixture.export(&provider, "f"), "what is imported is itself a thunk");
    fixture.link(two, again).unwrap();
    fixture.link(fixture.export(&importer, "again"), f).unwrap();
    assert_eq!(code(fixture.reset(again)), "ERR_RELINK_CYCLE");
    assert_eq!((fixture.current(again), fixture.call(&provider, "call_f")), (Some(two), 2));
    fixture.reset(f).unwrap();
    fixture.reset(again).unwrap();
    assert_eq!((fixture.call(&provider, "call_f"), fixture.call(&importer, "again")), (1, 1));
}
