use super::{Linker, TWO_SLOTS};
use crate::store::FuncRef;

/// The function in the slot's primary entry.
fn written(linker: &Linker, slot: crate::link::SlotId) -> Option<FuncRef> {
    linker.slots.slot(slot).primary_entry.get(&linker.store)
}

#[test]
fn a_slot_that_holds_another_ones_thunk_holds_its_function() {
    let mut linker = Linker::default();
    let (one, other) = (linker.instance(TWO_SLOTS), linker.instance(TWO_SLOTS));
    let (f, g) = (linker.slot(&one, "f"), linker.slot(&other, "g"));
    let (thunk, two) = (linker.export(&other, "g"), linker.original(g));
    let link = linker.link(thunk, f).unwrap();
    assert_eq!((linker.current(f), written(&linker, f)), (Some(thunk), Some(two)));
    let next = linker.link(linker.export(&one, "call_g"), g).unwrap();
    assert_eq!((linker.current(f), written(&linker, f)), (Some(thunk), written(&linker, g)));
    assert_ne!(written(&linker, f), Some(two));
    linker.undo(&[next]).unwrap();
    assert_eq!(written(&linker, f), Some(two));
    linker.undo(&[link]).unwrap();
    assert_eq!((written(&linker, f), linker.slots.slot(g).dependents.len()), (Some(linker.original(f)), 0));
}

#[test]
fn a_chain_follows_its_end() {
    let mut linker = Linker::default();
    let instances = [(); 4].map(|()| linker.instance(TWO_SLOTS));
    let slots = instances.each_ref().map(|instance| linker.slot(instance, "f"));
    let thunks = instances.each_ref().map(|instance| linker.export(instance, "f"));
    // From both ends, so that a slot gets dependents before and after it forwards itself.
    for index in [0, 2, 1] {
        linker.link(thunks[index + 1], slots[index]).unwrap();
    }
    assert!(slots.iter().all(|slot| written(&linker, *slot) == Some(linker.original(slots[3]))));
    let g = linker.slot(&instances[0], "g");
    let implementation = linker.original(g);
    let link = linker.link(implementation, slots[3]).unwrap();
    assert!(slots.iter().all(|slot| written(&linker, *slot) == Some(implementation)));
    assert_eq!(linker.call(&instances[0], "call_f"), linker.call(&instances[3], "call_f"));
    linker.undo(&[link]).unwrap();
    assert!(slots.iter().all(|slot| written(&linker, *slot) == Some(linker.original(slots[3]))));
}

#[test]
fn dependents_leave_in_any_order() {
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
        let mut linker = Linker::default();
        let target = linker.instance(TWO_SLOTS);
        let instances = [(); 3].map(|()| linker.instance(TWO_SLOTS));
        let slots = instances.each_ref().map(|instance| linker.slot(instance, "f"));
        let (g, thunk) = (linker.slot(&target, "g"), linker.export(&target, "g"));
        let links = slots.map(|slot| linker.link(thunk, slot).unwrap());
        for (left, index) in (0..3).rev().zip(order) {
            linker.undo(&[links[index]]).unwrap();
            assert_eq!(linker.slots.slot(g).dependents.len(), left, "{order:?}");
            let link = linker.link(linker.original(slots[index]), g).unwrap();
            for (slot, instance) in slots.iter().zip(&instances) {
                let forwards = linker.slots.slot(*slot).forwards_to.is_some();
                let expected = if forwards { written(&linker, g) } else { Some(linker.original(*slot)) };
                assert_eq!(written(&linker, *slot), expected, "{order:?}");
                assert_eq!(linker.call(instance, "call_f"), 1);
            }
            linker.undo(&[link]).unwrap();
        }
    }
}
