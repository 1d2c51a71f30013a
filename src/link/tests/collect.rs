use super::{Fixture, TWO_SLOTS, code};
use crate::link::SlotId;
use crate::store::{Roots, Swept};

impl Fixture {
    /// Frees what neither the roots nor slots reach, and forgets slots that `is_held` does not hold.
    fn collect(&mut self, roots: &Roots, is_held: impl Fn(SlotId) -> bool) -> Swept {
        let restorable = self.slots.restorable();
        let marks = self.store.mark(roots, &|table| restorable.get(&table).cloned().unwrap_or_default());
        let swept = self.store.sweep(&marks);
        self.slots.forget(&swept, is_held);
        swept
    }
}

#[test]
fn an_instance_that_is_closed_while_its_function_is_linked_goes_on_running() {
    let mut fixture = Fixture::default();
    let (one, other) = (fixture.instance(TWO_SLOTS), fixture.instance(TWO_SLOTS));
    let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&other, "g"));
    let two = fixture.original(g);
    let link = fixture.link(two, f).unwrap();
    other.close(&fixture.store, false);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    assert!(fixture.collect(&roots, |_| false).instances.is_empty(), "the entry of the slot keeps it alive");
    assert_eq!((fixture.call(&one, "call_f"), fixture.current(f)), (2, Some(two)));
    assert_eq!(code(fixture.link(two, f)), "ERR_RELINK_CLOSED");
    fixture.undo(&[link]).unwrap();
    assert_eq!(fixture.call(&one, "call_f"), 1);
    assert_eq!(fixture.collect(&roots, |_| false).instances.len(), 1);
    assert_eq!(fixture.slots.len(), 0, "neither slot is held, linked or forwards");
}

#[test]
fn a_forwarded_slot_keeps_what_may_come_back_between() {
    let mut fixture = Fixture::default();
    // Its table is the dispatch table alone: no other entry holds the thunk.
    let text = r#"(module (func $f (export "f") (result i32) i32.const 1)
        (func (export "call_f") (result i32) call $f))"#;
    let (one, middle, end) = (fixture.instance(text), fixture.instance(TWO_SLOTS), fixture.instance(TWO_SLOTS));
    let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&middle, "g"));
    fixture.link(fixture.export(&middle, "g"), f).unwrap();
    let last = fixture.slot(&end, "g");
    fixture.link(fixture.original(last), g).unwrap();
    middle.close(&fixture.store, false);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    assert!(fixture.collect(&roots, |_| false).instances.is_empty(), "the thunk of the middle one is restorable");
    assert_eq!(fixture.call(&one, "call_f"), 2);
    fixture.reset(f).unwrap();
    assert_eq!(fixture.collect(&roots, |_| false).instances.len(), 2);
    assert_eq!(fixture.call(&one, "call_f"), 1);
}

#[test]
fn a_held_slot_of_a_freed_instance_is_closed_and_a_new_slot_takes_its_id_later() {
    let mut fixture = Fixture::default();
    let (one, other) = (fixture.instance(TWO_SLOTS), fixture.instance(TWO_SLOTS));
    let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&other, "g"));
    let implementation = fixture.original(f);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    drop(other);
    assert_eq!(fixture.collect(&roots, |id| id == g).instances.len(), 1);
    assert_eq!(fixture.slots.slot(g).name, "g");
    assert!(fixture.slots.slot(g).is_closed());
    assert_eq!(code(fixture.link(implementation, g)), "ERR_RELINK_CLOSED");
    assert!(fixture.slots.find(f).is_none(), "no one held it");
    fixture.collect(&roots, |_| false);
    assert!(fixture.slots.find(g).is_none());
    assert_eq!(fixture.slot(&one, "g"), g);
}
