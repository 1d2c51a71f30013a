//! Externrefs: the JavaScript values that wasm holds, by number.

use crate::engine::{Exceeded, Quota, Resource};
use crate::error::{Error, ErrorKind};
use crate::napi::convert::externref_charges::ExternrefCharges;
use crate::napi::convert::free_numbers::FreeNumbers;
use crate::napi::convert::retained_values::RetainedValues;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::pace::Pace;
use crate::napi::gc::retainers::Retainers;
use crate::store::{ExternRef, RawValue};
use crate::wasm::{RefType, ValType};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

/// The JavaScript values that wasm holds as externrefs. An externref is a number: 0 is null, and 1 undefined.
///
/// JavaScript has the same array and free list (`lib/internal/externrefs.js`), so that it converts most values itself. Then a
/// number is in use before native code knows it: no sweep may run between the conversion of an argument and its call.
pub struct Externrefs {
    /// Array of the values by number, without those in retainers: values from after the last sweep or read since then, and
    /// values that several nodes or exceptions hold. An array, since N-API has no references to primitives
    pub(in crate::napi::convert) values: StrongReference,
    /// The values that retainers hold
    pub(in crate::napi::convert) retained: RefCell<RetainedValues>,
    /// Numbers of retained values that JavaScript has in `values` too, since it has read them after the last sweep
    pub(in crate::napi::convert) read: RefCell<Vec<u32>>,
    /// The free list of numbers, from which JavaScript takes too
    pub(in crate::napi::convert) free: FreeNumbers,
    /// The least number that was never free or used
    pub(in crate::napi::convert) end: Cell<u32>,
    /// The results of a call that JavaScript has not read yet: the sweep at the end of that call keeps them
    pub(in crate::napi::convert) results: RefCell<Vec<ExternRef>>,
    /// Number of externrefs in use at which a sweep is due
    threshold: Cell<u32>,
    /// The pace of sweeps that are due
    pace: Pace,
    /// Number of externrefs freed so far
    pub(in crate::napi::convert) freed: Cell<u64>,
    /// The values that count for instances with a limit of their own
    pub charges: ExternrefCharges,
}

/// Least number of externrefs at which a sweep is due.
const FEW: u32 = 4096;

/// The externref to undefined.
const UNDEFINED: u32 = 1;

/// The first number for other values.
pub(in crate::napi::convert) const FIRST: u32 = 2;

/// Numbers that become free at once for JavaScript, which asks for more by a slow call.
const CHUNK: u32 = 256;

/// Numbers up to which a sweep is too short to be put off.
const SHORT: u32 = 16_384;

/// Number of externrefs in use at which the next sweep is due, after one that has left `used`: when they have doubled, or when
/// half of what the limit of the store leaves is in use.
fn threshold(used: u32, quota: &Quota) -> u32 {
    let left = quota.limit(Resource::Externrefs).saturating_sub(used.into());
    let half = u32::try_from((left / 2).max(1)).unwrap_or(u32::MAX);
    FEW.max(used.saturating_mul(2)).min(used.saturating_add(half))
}

impl Externrefs {
    /// No externrefs, in a store of this quota. `object` is the store's `Externrefs` in `lib/`.
    pub fn new(env: JsEnv<'_>, object: Value<'_>, quota: &Quota) -> Self {
        Self {
            values: StrongReference::new(env, env.property(object, c"values")),
            retained: RefCell::default(),
            read: RefCell::default(),
            free: FreeNumbers::new(env, object),
            end: Cell::new(FIRST),
            results: RefCell::default(),
            threshold: Cell::new(threshold(0, quota)),
            pace: Pace::default(),
            freed: Cell::new(0),
            charges: ExternrefCharges::default(),
        }
    }

    /// A new externref to `value`, which is not null.
    #[inline]
    pub fn add(&self, env: JsEnv<'_>, value: Value<'_>) -> ExternRef {
        let number = self.free.take().unwrap_or_else(|| self.end.replace(self.end.get() + 1));
        env.set_element(self.values.get(env), number, value);
        ExternRef(number)
    }

    /// An externref to any value.
    ///
    /// # Errors
    /// `Limit` of the store's `quota`.
    #[inline]
    pub fn add_or_null(&self, env: JsEnv<'_>, value: Value<'_>, quota: &Quota) -> Result<ExternRef, Error> {
        if env.is_null(value) {
            return Ok(ExternRef::default());
        }
        if env.is_undefined(value) {
            return Ok(ExternRef(UNDEFINED));
        }
        self.check(1, quota, None)?;
        Ok(self.add(env, value))
    }

    /// Checks the limits of the store's `quota` and of an instance's, if that is given, for this number of further externrefs.
    ///
    /// # Errors
    /// `Limit` of the store or of the instance.
    #[inline]
    pub fn check(&self, count: u32, quota: &Quota, of_instance: Option<&Quota>) -> Result<(), Error> {
        let count = u64::from(count);
        let checked = quota.check(Resource::Externrefs, u64::from(self.used()) + count);
        let checked = checked.and_then(|()| {
            of_instance
                .map_or(Ok(()), |quota| quota.check(Resource::Externrefs, quota.used(Resource::Externrefs) + count))
        });
        checked.map_err(|exceeded| self.refuse(exceeded))
    }

    #[cold]
    fn refuse(&self, exceeded: Exceeded) -> Error {
        // The next call from JavaScript frees those that wasm has let go of.
        self.threshold.set(0);
        exceeded.into()
    }

    /// Counts an externref for the instance with this quota, which limits externrefs.
    ///
    /// # Errors
    /// `Limit` of the instance.
    pub fn charge(&self, quota: &Arc<Quota>, reference: ExternRef) -> Result<(), Error> {
        if reference.0 < FIRST {
            return Ok(());
        }
        if self.charges.charge(quota, reference).map_err(|exceeded| self.refuse(exceeded))? {
            self.threshold.set(0);
        }
        Ok(())
    }

    /// `charge` for those of these values that are externrefs.
    ///
    /// # Errors
    /// `Limit` of the instance.
    ///
    /// # Safety
    /// `values` holds values of these types.
    #[cold]
    pub unsafe fn charge_all(
        &self,
        quota: &Arc<Quota>,
        types: &[ValType],
        values: *const RawValue,
    ) -> Result<(), Error> {
        let references = types.iter().enumerate().filter(|(_, ty)| **ty == ValType::Ref(RefType::Extern));
        // SAFETY: by the contract of this function.
        let mut references = references.map(|(index, _)| unsafe { ExternRef::from_raw(*values.add(index)) });
        references.try_for_each(|reference| self.charge(quota, reference))
    }

    /// Makes numbers free for JavaScript, `count` at least. They are for the instance with the quota `of_instance`, if that is
    /// given.
    ///
    /// # Errors
    /// `Limit` of the store's `quota` or of the instance, or `Memory`.
    #[cold]
    pub fn reserve(&self, env: JsEnv<'_>, count: u32, quota: &Quota, of_instance: Option<&Quota>) -> Result<(), Error> {
        self.check(count, quota, of_instance)?;
        let (free, end) = (self.free.count(), self.end.get());
        let limit = quota.limit(Resource::Externrefs) - u64::from(self.used());
        let wanted = u64::from(count.max(CHUNK)).min(limit) as u32;
        let new_end = end + wanted.saturating_sub(free);
        if !self.free.grow(env, new_end) {
            let message = "there is no room for the list of free externrefs".to_owned();
            return Err(ErrorKind::Memory { message }.into());
        }
        // The least number is taken first, so that the array of the values has no holes.
        (end..new_end).rev().for_each(|number| self.free.push(number));
        self.end.set(new_end);
        Ok(())
    }

    /// Runs `end`, which may sweep, while JavaScript has not read these results of a call yet.
    pub fn with_results(&self, results: Vec<ExternRef>, end: impl FnOnce()) {
        self.results.replace(results);
        end();
        self.results.take();
    }

    /// The value of an externref.
    #[inline]
    pub fn value<'a>(&self, env: JsEnv<'a>, retainers: &Retainers, reference: ExternRef) -> Value<'a> {
        if reference == ExternRef::default() {
            return env.null();
        }
        let retained = self.retained.borrow().place(reference.0);
        retained.map_or_else(
            || env.element(self.values.get(env), reference.0),
            |(node, index)| retainers.externref(env, node, index),
        )
    }

    /// `value` for JavaScript, which keeps the value in `values` until the next sweep.
    pub fn read<'a>(&self, env: JsEnv<'a>, retainers: &Retainers, reference: ExternRef) -> Value<'a> {
        self.read.borrow_mut().push(reference.0);
        self.value(env, retainers, reference)
    }

    /// Number of externrefs freed so far.
    pub fn freed(&self) -> u64 {
        self.freed.get()
    }

    /// Number of externrefs in use.
    #[inline]
    pub fn used(&self) -> u32 {
        self.end.get() - FIRST - self.free.count()
    }

    /// Whether a sweep is due.
    #[inline]
    pub fn are_many(&self) -> bool {
        self.used() >= self.threshold.get()
    }

    /// Notes a sweep that began at `start`, when `before` externrefs were in use.
    pub(in crate::napi::convert) fn note_sweep(&self, start: Instant, before: u32, quota: &Quota) {
        let used = self.used();
        self.threshold.set(threshold(used, quota));
        self.pace.note(start, before - used >= before / 8);
    }

    /// Whether a sweep that is due may run now.
    pub fn may_sweep(&self) -> bool {
        self.end.get() <= SHORT || self.pace.allows()
    }
}
