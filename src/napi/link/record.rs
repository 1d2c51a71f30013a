//! Link records: links as numbers in a `Float64Array`, shared with `lib/`. First comes the id of the undo root, then
//! for each link its slot, its id, the id of the link below, the address of its implementation, and the number of
//! skipped entries. A record that asks for links has only slots and the addresses of the functions to link.

use crate::link::{Link, SlotId};
use crate::napi::env::reference::StrongReference;
use crate::napi::gc::undo_roots::{UndoRootId, UndoRoots};
use napi::sys;
use std::ptr;

/// Count of numbers before the first link: the id of the undo root.
const HEAD: usize = 1;

/// Count of numbers for each link.
const WIDTH: usize = 5;

/// The record of one link.
pub type One = [f64; HEAD + WIDTH];

/// The links that a record asks for: the address of the function and the slot of each.
pub fn wanted(record: &[f64]) -> Vec<(usize, SlotId)> {
    let numbers = record.get(HEAD..).unwrap_or_default().as_chunks::<WIDTH>().0;
    numbers.iter().map(|&[slot, _, _, address, _]| (address as usize, slot as SlotId)).collect()
}

/// Writes links into a record. Links for which it has no room are dropped.
pub fn write(record: &mut [f64], undo_root: UndoRootId, links: impl Iterator<Item = Link>) {
    let Some((head, rest)) = record.split_first_mut() else { return };
    *head = undo_root as f64;
    for (numbers, link) in rest.as_chunks_mut::<WIDTH>().0.iter_mut().zip(links) {
        *numbers =
            [link.slot.into(), link.id as f64, link.below as f64, link.implementation as f64, link.skipped as f64];
    }
}

/// The links of a record. `first` is the index of the first one in the undo root.
pub fn read(record: &[f64], undo_roots: &UndoRoots, first: usize) -> Vec<Link> {
    let Some((undo_root, rest)) = record.split_first() else { return Vec::new() };
    let read = |(index, &[slot, id, below, implementation, skipped]): (usize, &[f64; WIDTH])| Link {
        slot: slot as SlotId,
        id: id as u64,
        below: below as u64,
        implementation: implementation as usize,
        skipped: skipped as usize,
        previous: undo_roots.find(*undo_root as UndoRootId, index),
    };
    (first..).zip(rest.as_chunks::<WIDTH>().0).map(read).collect()
}

/// The link scratch: a `Float64Array` that passes the record of one link between `lib/` and native code. Passing an
/// array with each call would take longer than the rest of the call.
pub struct LinkScratch {
    array: StrongReference,
    /// The numbers of `array`
    numbers: *mut One,
}

impl LinkScratch {
    /// # Safety
    /// This is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env) -> Self {
        let (mut numbers, mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let length = size_of::<One>() / size_of::<f64>();
        // SAFETY: by the contract of this function. V8 zeroes the bytes.
        let array = unsafe {
            sys::napi_create_arraybuffer(env, size_of::<One>(), &mut numbers, &mut buffer);
            sys::napi_create_typedarray(env, sys::TypedarrayType::float64_array, length, buffer, 0, &mut array);
            StrongReference::new(env, array)
        };
        Self { array, numbers: numbers.cast() }
    }

    /// The `Float64Array`.
    pub fn array(&self, env: sys::napi_env) -> sys::napi_value {
        self.array.get(env)
    }

    /// The record in the scratch.
    pub fn get(&self) -> One {
        // SAFETY: `array` is held strongly, and only `lib/` has it besides, which never detaches its buffer.
        unsafe { self.numbers.read() }
    }

    /// Writes the record of a link to the scratch.
    pub fn put(&self, undo_root: UndoRootId, link: Link) {
        let mut record = One::default();
        write(&mut record, undo_root, [link].into_iter());
        // SAFETY: `array` is held strongly, and only `lib/` has it besides, which never detaches its buffer.
        unsafe { self.numbers.write(record) };
    }
}
