use super::{Linker, TWO_SLOTS, code};
use crate::link::SlotId;
use crate::store::{Roots, Swept};

impl Linker {
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
    let mut linker = Linker::default();
    let (one, other) = (linker.instance(TWO_SLOTS), linker.instance(TWO_SLOTS));
    let (f, g) = (linker.slot(&one, "f"), linker.slot(&other, "g"));
    let two = linker.original(g);
    let link = linker.link(two, f).unwrap();
    other.close(&linker.store, false);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    assert!(linker.collect(&roots, |_| false).instances.is_empty(), "the entry of the slot keeps it alive");
    assert_eq!((linker.call(&one, "call_f"), linker.current(f)), (2, Some(two)));
    assert_eq!(code(linker.link(two, f)), "ERR_RELINK_CLOSED");
    linker.undo(&[link]).unwrap();
    assert_eq!(linker.call(&one, "call_f"), 1);
    assert_eq!(linker.collect(&roots, |_| false).instances.len(), 1);
    assert_eq!(linker.slots.len(), 0, "neither slot is held, linked or forwards");
}

#[test]
fn a_forwarded_slot_keeps_what_may_come_back_between() {
    let mut linker = Linker::default();
    // Its table is the dispatch table alone: no other entry holds the thunk.
    let text = r#"(module (func $f (export "f") (result i32) i32.const 1)
        (func (export "call_f") (result i32) call $f))"#;
    let (one, middle, end) = (linker.instance(text), linker.instance(TWO_SLOTS), linker.instance(TWO_SLOTS));
    let (f, g) = (linker.slot(&one, "f"), linker.slot(&middle, "g"));
    linker.link(linker.export(&middle, "g"), f).unwrap();
    let last = linker.slot(&end, "g");
    linker.link(linker.original(last), g).unwrap();
    middle.close(&linker.store, false);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    assert!(linker.collect(&roots, |_| false).instances.is_empty(), "the thunk of the middle one is restorable");
    assert_eq!(linker.call(&one, "call_f"), 2);
    linker.reset(f).unwrap();
    assert_eq!(linker.collect(&roots, |_| false).instances.len(), 2);
    assert_eq!(linker.call(&one, "call_f"), 1);
}

#[test]
fn a_held_slot_of_a_freed_instance_is_closed_and_a_new_slot_takes_its_id_later() {
    let mut linker = Linker::default();
    let (one, other) = (linker.instance(TWO_SLOTS), linker.instance(TWO_SLOTS));
    let (f, g) = (linker.slot(&one, "f"), linker.slot(&other, "g"));
    let implementation = linker.original(f);
    let roots = Roots { instances: vec![one.id], ..Roots::default() };
    drop(other);
    assert_eq!(linker.collect(&roots, |id| id == g).instances.len(), 1);
    assert_eq!(linker.slots.slot(g).name, "g");
    assert!(linker.slots.slot(g).is_closed());
    assert_eq!(code(linker.link(implementation, g)), "ERR_RELINK_CLOSED");
    assert!(linker.slots.find(f).is_none(), "no one held it");
    linker.collect(&roots, |_| false);
    assert!(linker.slots.find(g).is_none());
    assert_eq!(linker.slot(&one, "g"), g);
}
