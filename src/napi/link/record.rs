//! Links as `lib/` keeps them, in numbers: the id of their keeper, and for each link its slot, its id, that of the link
//! below, where its function is, and how many places it left alone. Of a link that is wanted, there are its slot and the
//! address of its function, in the place where that of the other one is going to be.

use crate::link::{Link, SlotId};
use crate::napi::env::reference::StrongReference;
use crate::napi::gc::undo_roots::{UndoRootId, UndoRoots};
use napi::sys;
use std::ptr;

/// The id of the keeper.
const HEAD: usize = 1;

/// The numbers of a link.
const WIDTH: usize = 5;

/// The record of one link.
pub type One = [f64; HEAD + WIDTH];

/// The links that are wanted: each with the address of its function, and its slot.
pub fn wanted(record: &[f64]) -> Vec<(usize, SlotId)> {
    let numbers = record.get(HEAD..).unwrap_or_default().as_chunks::<WIDTH>().0;
    numbers.iter().map(|&[slot, _, _, address, _]| (address as usize, slot as SlotId)).collect()
}

/// Writes links into a record that has room for them.
pub fn write(record: &mut [f64], undo_root: UndoRootId, links: impl Iterator<Item = (SlotId, Link)>) {
    let Some((head, rest)) = record.split_first_mut() else { return };
    *head = undo_root as f64;
    for (numbers, (slot, link)) in rest.as_chunks_mut::<WIDTH>().0.iter_mut().zip(links) {
        *numbers = [slot.into(), link.id as f64, link.below as f64, link.implementation as f64, link.skipped as f64];
    }
}

/// The links of a record, each with its slot, whose keeper has them from `first` on.
pub fn read(record: &[f64], undo_roots: &UndoRoots, first: usize) -> Vec<(SlotId, Link)> {
    let Some((undo_root, rest)) = record.split_first() else { return Vec::new() };
    let read = |(index, &[slot, id, below, implementation, skipped]): (usize, &[f64; WIDTH])| {
        let link = Link {
            id: id as u64,
            below: below as u64,
            implementation: implementation as usize,
            skipped: skipped as usize,
            previous: undo_roots.find(*undo_root as UndoRootId, index),
        };
        (slot as SlotId, link)
    };
    (first..).zip(rest.as_chunks::<WIDTH>().0).map(read).collect()
}

/// Where the record of one link goes between `lib/` and here: to hand over an array with each call takes longer than the rest
/// of it.
pub struct LinkScratch {
    array: StrongReference,
    numbers: *mut One,
}

impl LinkScratch {
    /// # Safety
    /// `env` is that of this thread.
    pub unsafe fn new(env: sys::napi_env) -> Self {
        let (mut numbers, mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let length = size_of::<One>() / size_of::<f64>();
        // SAFETY: by the contract of this function. The bytes start as zeros.
        let array = unsafe {
            sys::napi_create_arraybuffer(env, size_of::<One>(), &mut numbers, &mut buffer);
            sys::napi_create_typedarray(env, sys::TypedarrayType::float64_array, length, buffer, 0, &mut array);
            StrongReference::new(env, array)
        };
        Self { array, numbers: numbers.cast() }
    }

    /// It, as a `Float64Array`.
    pub fn array(&self, env: sys::napi_env) -> sys::napi_value {
        self.array.get(env)
    }

    /// What is on it.
    pub fn get(&self) -> One {
        // SAFETY: the array is held, and `lib/`, which alone has it, does not give its bytes away.
        unsafe { self.numbers.read() }
    }

    /// Puts the record of a link there.
    pub fn put(&self, undo_root: UndoRootId, slot: SlotId, link: Link) {
        let mut record = One::default();
        write(&mut record, undo_root, [(slot, link)].into_iter());
        // SAFETY: as in `get`.
        unsafe { self.numbers.write(record) };
    }
}
