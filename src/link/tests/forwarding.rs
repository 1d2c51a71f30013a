use super::{Fixture, TWO_SLOTS};
use crate::store::FuncRef;

/// The function in the slot's primary entry.
fn written(fixture: &Fixture, slot: crate::link::SlotId) -> Option<FuncRef> {
    fixture.slots.slot(slot).primary_entry.get(&fixture.store)
}

#[test]
fn a_slot_that_holds_another_ones_thunk_holds_its_function() {
    let mut fixture = Fixture::default();
    let (one, other) = (fixture.instance(TWO_SLOTS), fixture.instance(TWO_SLOTS));
    let (f, g) = (fixture.slot(&one, "f"), fixture.slot(&other, "g"));
    let (thunk, two) = (fixture.export(&other, "g"), fixture.original(g));
    let link = fixture.link(thunk, f).unwrap();
    assert_eq!((fixture.current(f), written(&fixture, f)), (Some(thunk), Some(two)));
    let next = fixture.link(fixture.export(&one, "call_g"), g).unwrap();
    assert_eq!((fixture.current(f), written(&fixture, f)), (Some(thunk), written(&fixture, g)));
    assert_ne!(written(&fixture, f), Some(two));
    fixture.undo(&[next]).unwrap();
    assert_eq!(written(&fixture, f), Some(two));
    fixture.undo(&[link]).unwrap();
    assert_eq!((written(&fixture, f), fixture.slots.slot(g).dependents.len()), (Some(fixture.original(f)), 0));
}

#[test]
fn a_chain_follows_its_end() {
    let mut fixture = Fixture::default();
    let instances = [(); 4].map(|()| fixture.instance(TWO_SLOTS));
    let slots = instances.each_ref().map(|instance| fixture.slot(instance, "f"));
    let thunks = instances.each_ref().map(|instance| fixture.export(instance, "f"));
    // From both ends, so that a slot gets dependents before and after it forwards itself.
    for index in [0, 2, 1] {
        fixture.link(thunks[index + 1], slots[index]).unwrap();
    }
    assert!(slots.iter().all(|slot| written(&fixture, *slot) == Some(fixture.original(slots[3]))));
    let g = fixture.slot(&instances[0], "g");
    let implementation = fixture.original(g);
    let link = fixture.link(implementation, slots[3]).unwrap();
    assert!(slots.iter().all(|slot| written(&fixture, *slot) == Some(implementation)));
    assert_eq!(fixture.call(&instances[0], "call_f"), fixture.call(&instances[3], "call_f"));
    fixture.undo(&[link]).unwrap();
    assert!(slots.iter().all(|slot| written(&fixture, *slot) == Some(fixture.original(slots[3]))));
}

#[test]
fn dependents_leave_in_any_order() {
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
        let mut fixture = Fixture::default();
        let target = fixture.instance(TWO_SLOTS);
        let instances = [(); 3].map(|()| fixture.instance(TWO_SLOTS));
        let slots = instances.each_ref().map(|instance| fixture.slot(instance, "f"));
        let (g, thunk) = (fixture.slot(&target, "g"), fixture.export(&target, "g"));
        let links = slots.map(|slot| fixture.link(thunk, slot).unwrap());
        for (left, index) in (0..3).rev().zip(order) {
            fixture.undo(&[links[index]]).unwrap();
            assert_eq!(fixture.slots.slot(g).dependents.len(), left, "{order:?}");
            let link = fixture.link(fixture.original(slots[index]), g).unwrap();
            for (slot, instance) in slots.iter().zip(&instances) {
                let forwards = fixture.slots.slot(*slot).forwards_to.is_some();
                let expected = if forwards { written(&fixture, g) } else { Some(fixture.original(*slot)) };
                assert_eq!(written(&fixture, *slot), expected, "{order:?}");
                assert_eq!(fixture.call(instance, "call_f"), 1);
            }
            fixture.undo(&[link]).unwrap();
        }
    }
}
