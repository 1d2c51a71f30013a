//! The free list of externref numbers, in memory that JavaScript shares.

use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use std::cell::Cell;
use std::ptr;

/// Words before the numbers: their count, and the externref that JavaScript made last, 0 for none.
const HEAD: usize = 2;

/// A stack of numbers, from which JavaScript takes one by accesses to a typed array.
///
/// Only `lib/internal/externrefs.js` and native code use the memory, on the thread of the environment.
pub struct FreeNumbers {
    /// The store's `Externrefs` in `lib/`, whose property `free` is the typed array
    object: StrongReference,
    /// The words; null before the first `grow`
    words: Cell<*mut u32>,
    /// Most numbers that there is room for
    capacity: Cell<u32>,
}

impl FreeNumbers {
    /// An empty list for the store's `Externrefs` in `lib/`.
    pub fn new(env: JsEnv<'_>, object: Value<'_>) -> Self {
        let (words, capacity) = (Cell::new(ptr::null_mut()), Cell::new(0));
        Self { object: StrongReference::new(env, object), words, capacity }
    }

    /// Makes room for so many numbers. Returns whether there is: V8 may have no memory, or be ending JavaScript.
    pub fn grow(&self, env: JsEnv<'_>, count: u32) -> bool {
        if count <= self.capacity.get() {
            return true;
        }
        let scope = env.open_scope();
        let env = scope.env();
        let capacity = count.max(self.capacity.get().saturating_mul(2));
        let object = self.object.get(env);
        let Some((array, words)) = env.uint32_array(capacity as usize + HEAD) else { return false };
        if let Some(old) = self.words() {
            // SAFETY: both have room for the count and the numbers, since `capacity` is larger than before.
            unsafe { ptr::copy_nonoverlapping(old, words, self.count() as usize + HEAD) };
        }
        if !env.set_property(object, c"free", array) {
            return false;
        }
        self.words.set(words);
        self.capacity.set(capacity);
        true
    }

    /// The words, if there is room for any number.
    #[inline]
    fn words(&self) -> Option<*mut u32> {
        let words = self.words.get();
        (!words.is_null()).then_some(words)
    }

    /// Number of free numbers.
    #[inline]
    pub fn count(&self) -> u32 {
        // SAFETY: the property `free` of the object keeps the words alive.
        self.words().map_or(0, |words| unsafe { *words })
    }

    /// Takes the last number.
    #[inline]
    pub fn take(&self) -> Option<u32> {
        let count = self.count();
        // SAFETY: as in `count`. The count is within the capacity, since only `push` and `grow` raise it.
        self.words().filter(|_| count > 0).map(|words| unsafe {
            *words = count - 1;
            *words.add(HEAD + count as usize - 1)
        })
    }

    /// Adds a number.
    ///
    /// # Panics
    /// If there is no room.
    pub fn push(&self, number: u32) {
        let count = self.count();
        assert!(count < self.capacity.get(), "`grow` makes room for each number");
        // SAFETY: as in `count`; there is room.
        unsafe {
            *self.words.get().add(HEAD + count as usize) = number;
            *self.words.get() = count + 1;
        }
    }

    /// Makes JavaScript forget the externref that it made last, so that it does not use that again.
    pub fn forget_last(&self) {
        if let Some(words) = self.words() {
            // SAFETY: as in `count`.
            unsafe { *words.add(1) = 0 };
        }
    }

    /// Calls `visit` with each number.
    pub fn each(&self, visit: impl FnMut(u32)) {
        let numbers = self.words().map(|words| {
            // SAFETY: as in `count`; JavaScript does not run meanwhile.
            unsafe { std::slice::from_raw_parts(words.add(HEAD), self.count() as usize) }
        });
        numbers.unwrap_or_default().iter().copied().for_each(visit);
    }
}
