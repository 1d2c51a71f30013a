//! Link records: links as numbers in a `Float64Array`, which `lib/` keeps and does not read. Each link has the id of its
//! undo root, its slot, its id, the id of the link below, the address of its implementation, and its number of skipped
//! entries. A request is an array with room for the records of its links: it begins with a slot and the address of an
//! implementation for each link.

use crate::link::{Link, SlotId};
use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::undo_roots::{UndoRootId, UndoRoots};

/// Count of numbers for each link.
const WIDTH: usize = 6;

/// The record of one link.
pub type One = [f64; WIDTH];

/// A requested link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requested {
    /// Index in the list of changes
    pub position: usize,
    /// Address of the function to link
    pub address: usize,
    /// The slot to write
    pub slot: SlotId,
}

/// The links that a request asks for. Links with the address 0 are left out: `lib/` cannot convert their arguments.
pub fn requested(request: &[f64]) -> Vec<Requested> {
    let pairs = request.as_chunks::<2>().0.iter().take(request.len() / WIDTH).enumerate();
    let links = pairs.map(|(position, &[slot, address])| Requested {
        position,
        address: address as usize,
        slot: slot as SlotId,
    });
    links.filter(|link| link.address != 0).collect()
}

/// Writes links into a record. Links for which it has no room are dropped.
pub fn write(record: &mut [f64], undo_root: UndoRootId, links: impl Iterator<Item = Link>) {
    for (numbers, link) in record.as_chunks_mut::<WIDTH>().0.iter_mut().zip(links) {
        let Link { slot, id, below, implementation, skipped, .. } = link;
        *numbers = [undo_root as f64, slot.into(), id as f64, below as f64, implementation as f64, skipped as f64];
    }
}

/// The links of a record. `first` is the index of the first one in the undo root.
pub fn read(record: &[f64], undo_roots: &UndoRoots, first: usize) -> Vec<Link> {
    let read = |(index, &[undo_root, slot, id, below, implementation, skipped]): (usize, &One)| Link {
        slot: slot as SlotId,
        id: id as u64,
        below: below as u64,
        implementation: implementation as usize,
        skipped: skipped as usize,
        previous: undo_roots.previous(undo_root as UndoRootId, index),
    };
    (first..).zip(record.as_chunks::<WIDTH>().0).map(read).collect()
}

/// The links of records of several commits, in order. `positions` has the index of each link in its undo root.
pub fn read_at(records: &[f64], positions: &[f64], undo_roots: &UndoRoots) -> Vec<Link> {
    let one = |(record, position): (&One, &f64)| read(record, undo_roots, *position as usize);
    records.as_chunks::<WIDTH>().0.iter().zip(positions).flat_map(one).collect()
}

/// Notes in a record that its links have been undone.
pub fn end(record: &mut [f64]) {
    for [_, _, id, ..] in record.as_chunks_mut::<WIDTH>().0 {
        *id = 0.0;
    }
}

/// The link scratch: a `Float64Array` that passes the record of one link, and its time, between `lib/` and native code. Passing an
/// array with each call would take longer than the rest of the call.
pub struct LinkScratch {
    array: StrongReference,
    /// The numbers of `array`
    numbers: *mut One,
}

impl LinkScratch {
    /// An empty scratch.
    pub fn new(env: JsEnv<'_>) -> Self {
        let (array, numbers) = env.float64_array(WIDTH + 1);
        Self { array: StrongReference::new(env, array), numbers: numbers.cast() }
    }

    /// The `Float64Array`.
    pub fn array<'a>(&self, env: JsEnv<'a>) -> Value<'a> {
        self.array.get(env)
    }

    /// The record in the scratch.
    pub fn get(&self) -> One {
        // SAFETY: `array` is held strongly, and only `lib/` has it besides, which never detaches its buffer.
        unsafe { self.numbers.read() }
    }

    /// Notes that the link in the scratch has been undone.
    pub fn end(&self) {
        // SAFETY: as in `get`.
        end(unsafe { &mut *self.numbers });
    }

    /// Writes the record of a link to the scratch, and the time after it.
    pub fn put(&self, undo_root: UndoRootId, link: Link, time: f64) {
        let mut record = One::default();
        write(&mut record, undo_root, [link].into_iter());
        // SAFETY: `array` is held strongly, and only `lib/` has it besides, which never detaches its buffer. It has room for
        // a record and one number more.
        unsafe {
            self.numbers.write(record);
            self.numbers.add(1).cast::<f64>().write(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_pairs_and_becomes_the_record_of_its_links() {
        let mut numbers = [0.0; 3 * WIDTH];
        numbers[..6].copy_from_slice(&[7.0, 4096.0, 8.0, 0.0, 9.0, 8192.0]);
        let links = requested(&numbers);
        let expected = [(0, 4096, 7), (2, 8192, 9)];
        assert_eq!(links, expected.map(|(position, address, slot)| Requested { position, address, slot }));
        let link = |slot, id| Link { slot, id, below: id - 1, implementation: 4096, skipped: 2, previous: None };
        write(&mut numbers, 5, [link(7, 11), link(8, 12), link(9, 13), link(10, 14)].into_iter());
        let found = read(&numbers, &UndoRoots::default(), 0);
        let numbers_of = |link: &Link| (link.slot, link.id, link.below, link.implementation, link.skipped);
        let expected = [(7, 11, 10, 4096, 2), (8, 12, 11, 4096, 2), (9, 13, 12, 4096, 2)];
        assert_eq!(found.iter().map(numbers_of).collect::<Vec<_>>(), expected);
        end(&mut numbers);
        assert!(read(&numbers, &UndoRoots::default(), 0).iter().all(|link| link.id == 0 && link.below != 0));
    }
}
