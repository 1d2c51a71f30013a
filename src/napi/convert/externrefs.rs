//! Externrefs: the JavaScript values that wasm holds, by number.

use crate::engine::{Quota, Resource, has_room};
use crate::error::{Error, ErrorKind};
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::convert::free_numbers::FreeNumbers;
use crate::napi::env::environment::Environment;
use crate::napi::env::exception::ThrownValue;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::retainers::Retainers;
use crate::store::{ExternRef, Node, Store};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// A node, and the index of an externref's value in the node's retainer.
type RetainedValue = (Node, u32);

/// The JavaScript values that wasm holds as externrefs. An externref is a number: 0 is null, and 1 undefined.
///
/// JavaScript has the same array and free list (`lib/internal/externrefs.js`), so that it converts most values itself. Then a
/// number is in use before native code knows it: no sweep may run between the conversion of an argument and its call.
pub struct Externrefs {
    /// Array of the values by number, without those in retainers: values from after the last sweep or read since then, and
    /// values that several nodes or exceptions hold. An array, since N-API has no references to primitives
    values: StrongReference,
    /// The values that retainers hold, by number
    retained: RefCell<Vec<Option<RetainedValue>>>,
    /// The nodes whose retainers hold values
    retaining: RefCell<Vec<Node>>,
    /// The free list of numbers, from which JavaScript takes too
    free: FreeNumbers,
    /// The least number that was never free or used
    end: Cell<u32>,
    /// The results of a call that JavaScript has not read yet: the sweep at the end of that call keeps them
    results: RefCell<Vec<ExternRef>>,
    /// Number of externrefs in use at which a sweep is due
    threshold: Cell<u32>,
    /// Number of externrefs freed so far
    freed: Cell<u64>,
}

/// Least number of externrefs at which a sweep is due.
const FEW: u32 = 4096;

/// The externref to undefined.
const UNDEFINED: u32 = 1;

/// The first number for other values.
const FIRST: u32 = 2;

/// Numbers that become free at once for JavaScript, which asks for more by a slow call.
const CHUNK: u32 = 256;

/// Number of externrefs at which a sweep makes room below the limit of the store.
fn many(quota: &Quota) -> u32 {
    let limit = quota.limit(Resource::Externrefs);
    u32::try_from(limit - limit / 8).unwrap_or(u32::MAX)
}

impl Externrefs {
    /// No externrefs, in a store of this quota. `object` is the store's `Externrefs` in `lib/`.
    pub fn new(env: JsEnv<'_>, object: Value<'_>, quota: &Quota) -> Self {
        Self {
            values: StrongReference::new(env, env.property(object, c"values")),
            retained: RefCell::default(),
            retaining: RefCell::default(),
            free: FreeNumbers::new(env, object),
            end: Cell::new(FIRST),
            results: RefCell::default(),
            threshold: Cell::new(FEW.min(many(quota))),
            freed: Cell::new(0),
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
        self.check(1, quota)?;
        Ok(self.add(env, value))
    }

    /// Checks the limit of the store's `quota` for this number of further externrefs.
    #[inline]
    fn check(&self, count: u32, quota: &Quota) -> Result<(), Error> {
        quota.check(Resource::Externrefs, u64::from(self.used()) + u64::from(count)).map_err(|exceeded| {
            // The next call from JavaScript frees those that wasm has let go of.
            self.threshold.set(0);
            exceeded.into()
        })
    }

    /// Makes numbers free for JavaScript, `count` at least.
    ///
    /// # Errors
    /// `Limit` of the store's `quota`, or `Memory`.
    #[cold]
    pub fn reserve(&self, env: JsEnv<'_>, count: u32, quota: &Quota) -> Result<(), Error> {
        self.check(count, quota)?;
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
        let retained = self.retained.borrow().get(reference.0 as usize).copied().flatten();
        retained.map_or_else(
            || env.element(self.values.get(env), reference.0),
            |(node, index)| retainers.externref(env, node, index),
        )
    }

    /// Frees the externrefs that wasm no longer holds. Moves each value that only one node holds to the node's
    /// retainer, so that V8 can collect a cycle through the value and the node.
    pub fn sweep(
        &self,
        env: JsEnv<'_>,
        environment: &Environment,
        store: &Store,
        retainers: &Retainers,
        exceptions: &Exceptions,
    ) {
        // The sweep allocates an entry for each number. Without room for them, it waits.
        let end = self.end.get();
        if !has_room(end as usize * size_of::<Option<RetainedValue>>()) || !self.free.grow(env, end) {
            return;
        }
        self.free.forget_last();
        let mut holders: FxHashMap<u32, Option<Node>> = FxHashMap::default();
        let mut hold = |node: Option<Node>, ExternRef(number)| {
            // A value that several nodes hold stays in `values`.
            holders.entry(number).and_modify(|known| *known = known.filter(|_| *known == node)).or_insert(node);
        };
        ExternRef::each(store, &mut hold);
        exceptions.each_externref(|reference| hold(None, reference));
        self.results.borrow().iter().for_each(|reference| hold(None, *reference));
        holders.retain(|number, _| *number >= FIRST);
        let mut by_node: FxHashMap<Node, Vec<u32>> =
            self.retaining.take().into_iter().map(|node| (node, Vec::new())).collect();
        for (number, node) in &holders {
            match node {
                Some(node) => by_node.entry(*node).or_default().push(*number),
                None => {
                    let value = self.value(env, retainers, ExternRef(*number));
                    env.set_element(self.values.get(env), *number, value);
                }
            }
        }
        // `set_externrefs` drops the old arrays, so all values are read before.
        let arrays: Vec<_> =
            by_node.iter().map(|(node, numbers)| (*node, self.array_of(env, retainers, numbers))).collect();
        arrays.into_iter().for_each(|(node, values)| retainers.set_externrefs(env, store, node, values));
        let mut retained = vec![None; self.end.get() as usize];
        for (node, numbers) in &by_node {
            (0..).zip(numbers).for_each(|(index, number)| retained[*number as usize] = Some((*node, index)));
        }
        self.free_unheld(env, environment, &holders);
        self.retained.replace(retained);
        let (used, many) = (self.used(), many(&store.quota));
        let threshold = FEW.max(used.saturating_mul(2));
        self.threshold.set(if used < many { threshold.min(many) } else { threshold });
        by_node.retain(|_, numbers| !numbers.is_empty());
        self.retaining.replace(by_node.into_keys().collect());
    }

    /// Frees the externrefs without a holder, and drops from `values` those that one node holds. The holder `None` means
    /// `values`.
    fn free_unheld(&self, env: JsEnv<'_>, environment: &Environment, holders: &FxHashMap<u32, Option<Node>>) {
        let (values, undefined) = (self.values.get(env), env.undefined());
        let drop_value = |number| {
            env.set_element(values, number, undefined);
        };
        let (before, end) = (self.free.count(), self.end.get());
        let mut is_free = vec![false; end as usize];
        self.free.each(|number| is_free[number as usize] = true);
        for number in (FIRST..end).rev().filter(|number| !is_free[*number as usize]) {
            match holders.get(&number) {
                Some(None) => {}
                Some(Some(_)) => drop_value(number),
                None => self.free.push(number),
            }
        }
        // JavaScript is faster than a call of N-API for each, but may be at the end of its stack.
        if environment.call_after(|lib| &lib.drop_externrefs, &[env.uint32(before)]).is_err() {
            drop(ThrownValue::take(env));
            self.free.each(drop_value);
        }
        self.freed.set(self.freed.get() + u64::from(self.free.count() - before));
    }

    /// An array of the values of these externrefs.
    fn array_of<'a>(&self, env: JsEnv<'a>, retainers: &Retainers, numbers: &[u32]) -> Value<'a> {
        let array = env.array_of(numbers.len());
        for (index, number) in (0..).zip(numbers) {
            // A scope for each value bounds the number of handles.
            let scope = env.open_scope();
            env.set_element(array, index, self.value(scope.env(), retainers, ExternRef(*number)));
        }
        array
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
}
