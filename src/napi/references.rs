use super::reference::StrongReference;
use crate::store::ExternRef;
use napi::sys;
use std::cell::{Cell, RefCell};
use std::ptr;

/// The JavaScript values that wasm holds as externrefs, by number.
pub struct References {
    /// The array that holds them: a reference of N-API's own may not be to a primitive
    values: StrongReference,
    /// The numbers that are free; the last one is used first
    free: RefCell<Vec<u32>>,
    /// One more than the greatest number that was used
    end: Cell<u32>,
    /// How many may be in use before it is worth looking which still are
    threshold: Cell<u32>,
    /// How many were let go of
    freed: Cell<u64>,
}

/// Fewer than this are not worth looking for.
const FEW: u32 = 4096;

impl References {
    /// # Safety
    /// `env` is that of this thread.
    pub unsafe fn new(env: sys::napi_env) -> Self {
        let mut values = ptr::null_mut();
        // SAFETY: by the contract of this function.
        let values = unsafe {
            sys::napi_create_array(env, &mut values);
            StrongReference::new(env, values)
        };
        Self { values, free: RefCell::default(), end: Cell::new(1), threshold: Cell::new(FEW), freed: Cell::new(0) }
    }

    /// A reference to `value`.
    ///
    /// # Safety
    /// `value` is of `env`, which is that of this thread.
    pub unsafe fn add(&self, env: sys::napi_env, value: sys::napi_value) -> ExternRef {
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| self.end.replace(self.end.get() + 1));
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_set_element(env, self.values.get(env), number, value) };
        ExternRef(number)
    }

    /// The value behind a reference, which is not null.
    pub fn get(&self, env: sys::napi_env, reference: ExternRef) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of `env`.
        unsafe { sys::napi_get_element(env, self.values.get(env), reference.0, &mut value) };
        value
    }

    /// How many were let go of.
    pub fn freed(&self) -> u64 {
        self.freed.get()
    }

    /// How many are in use.
    pub fn used(&self) -> u32 {
        self.end.get() - 1 - self.free.borrow().len() as u32
    }

    /// Whether there are so many that it is worth looking which are still held.
    #[inline]
    pub fn are_many(&self) -> bool {
        self.used() >= self.threshold.get()
    }

    /// Lets go of all values but those that `held` visits.
    pub fn sweep(&self, env: sys::napi_env, held: impl FnOnce(&mut dyn FnMut(ExternRef))) {
        let mut marks = vec![false; self.end.get() as usize];
        held(&mut |reference| marks[reference.0 as usize] = true);
        let mut free = self.free.borrow_mut();
        let before = free.len();
        free.iter().for_each(|number| marks[*number as usize] = true);
        let mut undefined = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of `env`.
        unsafe {
            sys::napi_get_undefined(env, &mut undefined);
            let values = self.values.get(env);
            for number in (1..self.end.get()).filter(|number| !marks[*number as usize]) {
                sys::napi_set_element(env, values, number, undefined);
                free.push(number);
            }
        }
        self.freed.set(self.freed.get() + (free.len() - before) as u64);
        drop(free);
        self.threshold.set(FEW.max(self.used().saturating_mul(2)));
    }
}
