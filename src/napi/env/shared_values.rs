//! The memory through which JavaScript and wasm exchange numbers (`lib/internal/shared-values.js`).
//!
//! N-API converts each value by a call of its own. A number that JavaScript writes to a typed array over this memory
//! takes a store, and wasm's trampoline reads it there.

use crate::napi::env::function::drop_data;
use crate::napi::env::parked_calls::ParkedCalls;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{MOST_SHARED, RawValue};
use crate::wasm::{FuncType, RefType, ValType};
use napi::sys;
use rustc_hash::FxHashMap;
use slab::Slab;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Most parameters or results of a function whose values go through the memory (`MOST` in shared-values.js).
const MOST: usize = MOST_SHARED;

/// Length of the memory in bytes: the values, the index of the called function, the number of the parked call, and whether
/// that call has parked for the same import again.
const LENGTH: usize = MOST * size_of::<RawValue>() + 3 * size_of::<u32>();

/// The values of the first copies of `lib/` in this process, each until it is dropped. Their callbacks find them here, which
/// takes less time than to ask N-API for the data of the function.
static PLACED: [AtomicPtr<SharedValues>; PLACES] = [const { AtomicPtr::new(ptr::null_mut()) }; PLACES];

/// Number of places for values that callbacks find without N-API.
pub const PLACES: usize = 3;

/// The memory, and the functions that are called through it.
///
/// Only JavaScript of `lib/`, wasm's trampolines and the callback of these calls use the memory, and never at the same
/// time: a call reads its arguments before anything else runs, and writes its results after everything else has run.
pub struct SharedValues {
    /// The bytes of an `ArrayBuffer` that `invoke` holds. No reference to it here: it would keep alive the realm of the buffer,
    /// and so the functions that keep these values alive.
    values: *mut RawValue,
    /// The parked calls of the thread
    pub parked: Rc<ParkedCalls>,
    /// The data of each function
    functions: RefCell<Slab<*const c_void>>,
    /// The ids of the function types that JavaScript knows
    types: RefCell<FxHashMap<FuncType, u32>>,
}

/// The content that the memory gets back when this is dropped.
pub struct SavedValues<'a> {
    shared: &'a SharedValues,
    bytes: [u8; LENGTH],
}

impl Drop for SavedValues<'_> {
    fn drop(&mut self) {
        // SAFETY: the memory has `LENGTH` bytes, and JavaScript is waiting for the call that has saved them.
        unsafe { self.shared.values.cast::<[u8; LENGTH]>().write(self.bytes) };
    }
}

impl SharedValues {
    /// Over the bytes of an `ArrayBuffer` of `lib/`.
    ///
    /// # Safety
    /// The buffer is alive at every call of `called`, `values` or `clear`.
    ///
    /// # Panics
    /// If the buffer is too short.
    pub unsafe fn new(env: JsEnv<'_>, buffer: Value<'_>) -> Rc<Self> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_get_arraybuffer_info(env.raw(), buffer.raw(), &mut data, &mut length) };
        assert!(length >= LENGTH && data.addr().is_multiple_of(align_of::<RawValue>()));
        let (parked, functions, types) = (ParkedCalls::of_thread(), RefCell::default(), RefCell::default());
        Rc::new(Self { values: data.cast(), parked, functions, types })
    }

    /// Takes a place for these values; `PLACES` if there is none.
    pub fn take_place(self: &Rc<Self>) -> usize {
        let values = Rc::as_ptr(self).cast_mut();
        let take = |place: &AtomicPtr<Self>| {
            place.compare_exchange(ptr::null_mut(), values, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        PLACED.iter().position(take).unwrap_or(PLACES)
    }

    /// The values at a place; null if none have it. Only the thread that took the place knows what it gets.
    #[inline]
    pub fn at_place(place: usize) -> *const Self {
        PLACED[place].load(Ordering::Relaxed)
    }

    /// A JavaScript value that stands for these values.
    pub fn to_js<'a>(self: &Rc<Self>, env: JsEnv<'a>) -> Value<'a> {
        let data = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
        let mut value = ptr::null_mut();
        // SAFETY: see `JsEnv`; `drop_data` gets back the `Rc` that was leaked here, of the same type, once.
        unsafe {
            sys::napi_create_external(env.raw(), data, Some(drop_data::<Self>), ptr::null_mut(), &mut value);
            env.value(value).unwrap_or_else(|| env.undefined())
        }
    }

    /// The shared values in `value`; none for a value that is no external.
    ///
    /// # Safety
    /// An external `value` came from `to_js`.
    pub unsafe fn of(env: JsEnv<'_>, value: Value<'_>) -> Option<Rc<Self>> {
        let mut data = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe {
            if sys::napi_get_value_external(env.raw(), value.raw(), &mut data) != sys::Status::napi_ok {
                return None;
            }
            Rc::increment_strong_count(data.cast::<Self>().cast_const());
            Some(Rc::from_raw(data.cast::<Self>().cast_const()))
        }
    }

    /// Whether the values of a function of this type go through the memory.
    pub fn fit(ty: &FuncType) -> bool {
        let fits = |ty: &ValType| match ty {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => true,
            // By its number: `lib/internal/externrefs.js` has the values.
            ValType::Ref(reference) => *reference == RefType::Extern,
            ValType::V128 => false,
        };
        ty.parameters.len().max(ty.results.len()) <= MOST && ty.parameters.iter().chain(&ty.results).all(fits)
    }

    /// The id of a function type. `add` adds a new one in JavaScript; none if that fails.
    pub fn type_id(&self, ty: &FuncType, add: impl FnOnce(u32) -> bool) -> Option<u32> {
        if let Some(id) = self.types.borrow().get(ty) {
            return Some(*id);
        }
        let id = self.types.borrow().len() as u32;
        add(id).then(|| {
            self.types.borrow_mut().insert(ty.clone(), id);
            id
        })
    }

    /// Adds a function, and returns its index.
    pub fn add(&self, data: *const c_void) -> u32 {
        self.functions.borrow_mut().insert(data) as u32
    }

    /// Removes the function at an index.
    pub fn remove(&self, index: u32) {
        self.functions.borrow_mut().try_remove(index as usize);
    }

    /// The data of the function whose index JavaScript has written.
    #[inline]
    pub fn called(&self) -> Option<*const c_void> {
        // SAFETY: the memory has `LENGTH` bytes, and JavaScript is waiting for this call.
        let index = unsafe { *self.values.add(MOST).cast::<u32>() };
        // SAFETY: this runs no other code, so nothing changes the list meanwhile.
        unsafe { self.functions.try_borrow_unguarded() }.ok()?.get(index as usize).copied()
    }

    /// The number of the call that JavaScript resumes.
    #[inline]
    pub fn number(&self) -> u32 {
        // SAFETY: as in `called`.
        unsafe { *self.values.add(MOST).cast::<u32>().add(1) }
    }

    /// Tells JavaScript the number of the call that has parked.
    #[inline]
    pub fn set_number(&self, number: u32) {
        // SAFETY: as in `called`.
        unsafe { *self.values.add(MOST).cast::<u32>().add(1) = number }
    }

    /// Tells the thunk that has resumed a call whether the call has parked for the same import again.
    #[inline]
    pub fn set_again(&self, again: bool) {
        // SAFETY: as in `called`.
        unsafe { *self.values.add(MOST).cast::<u32>().add(2) = again.into() }
    }

    /// The arguments that JavaScript has written, with room for the results.
    #[inline]
    pub fn values(&self) -> *mut RawValue {
        self.values
    }

    /// Keeps the content of the memory: JavaScript that runs until this is dropped may call wasm.
    pub fn saved(&self) -> SavedValues<'_> {
        // SAFETY: as in `called`.
        SavedValues { shared: self, bytes: unsafe { self.values.cast::<[u8; LENGTH]>().read() } }
    }

    /// Makes all results zero.
    pub fn clear(&self) {
        // SAFETY: the memory has `LENGTH` bytes, and JavaScript is waiting for this call.
        unsafe { ptr::write_bytes(self.values, 0, MOST) };
    }
}

impl Drop for SharedValues {
    fn drop(&mut self) {
        let values = ptr::from_mut(self);
        for place in &PLACED {
            // Fails for all places but its own.
            let _ = place.compare_exchange(values, ptr::null_mut(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
