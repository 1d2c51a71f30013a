//! Links as `lib/` keeps them, in numbers: the id of their keeper, and for each link its id, that of the link below, where
//! its function is, and how many places it left alone.

use super::keepers::{KeeperId, Keepers};
use super::reference::StrongReference;
use crate::link::Link;
use napi::sys;
use std::ptr;

/// The id of the keeper.
const HEAD: usize = 1;

/// The numbers of a link.
const WIDTH: usize = 4;

/// The record of one link.
pub type One = [f64; HEAD + WIDTH];

/// Writes a record, if there is room for it.
pub fn write(record: &mut [f64], keeper: KeeperId, links: impl Iterator<Item = Link>) {
    let Some((head, rest)) = record.split_first_mut() else { return };
    *head = keeper as f64;
    for (numbers, link) in rest.as_chunks_mut::<WIDTH>().0.iter_mut().zip(links) {
        *numbers = [link.id as f64, link.below as f64, link.implementation as f64, link.strays as f64];
    }
}

/// The links of a record, whose keeper has them from `first` on.
pub fn read(record: &[f64], keepers: &Keepers, first: usize) -> Vec<Link> {
    let Some((keeper, rest)) = record.split_first() else { return Vec::new() };
    let numbers = rest.as_chunks::<WIDTH>().0.iter();
    let read = |(index, &[id, below, implementation, strays]): (usize, &[f64; WIDTH])| Link {
        id: id as u64,
        below: below as u64,
        implementation: implementation as usize,
        strays: strays as usize,
        previous: keepers.find(*keeper as KeeperId, index),
    };
    (first..).zip(numbers).map(read).collect()
}

/// Where the record of one link goes between `lib/` and here: to hand over an array with each call takes longer than the rest
/// of it.
pub struct Desk {
    array: StrongReference,
    numbers: *mut One,
}

impl Desk {
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
    pub fn put(&self, keeper: KeeperId, link: Link) {
        let mut record = One::default();
        write(&mut record, keeper, [link].into_iter());
        // SAFETY: as in `get`.
        unsafe { self.numbers.write(record) };
    }
}
