//! Externrefs: the JavaScript values that wasm holds, by number.

use crate::engine::{Quota, Resource, has_room};
use crate::error::Error;
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::retainers::Retainers;
use crate::store::{ExternRef, Node, Store};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// A node, and the index of an externref's value in the node's retainer.
type RetainedValue = (Node, u32);

/// The JavaScript values that wasm holds as externrefs. An externref is a number, never 0, which is null.
pub struct Externrefs {
    /// Array of the values by number, without those in retainers: values from after the last sweep, and values that
    /// several nodes or exceptions hold. An array, since N-API has no references to primitives
    values: StrongReference,
    /// The values that retainers hold, by number
    retained: RefCell<Vec<Option<RetainedValue>>>,
    /// The nodes whose retainers hold values
    retaining: RefCell<Vec<Node>>,
    /// The free list of numbers; the last one is reused first
    free: RefCell<Vec<u32>>,
    /// The least number that was never used
    end: Cell<u32>,
    /// Number of externrefs in use at which a sweep is due
    threshold: Cell<u32>,
    /// Number of externrefs freed so far
    freed: Cell<u64>,
}

/// Least number of externrefs at which a sweep is due.
const FEW: u32 = 4096;

/// Number of externrefs at which a sweep makes room below the limit of the store.
fn many(quota: &Quota) -> u32 {
    let limit = quota.limit(Resource::Externrefs);
    u32::try_from(limit - limit / 8).unwrap_or(u32::MAX)
}

impl Externrefs {
    /// No externrefs, in a store of this quota.
    pub fn new(env: JsEnv<'_>, quota: &Quota) -> Self {
        Self {
            values: StrongReference::new(env, env.array()),
            retained: RefCell::default(),
            retaining: RefCell::default(),
            free: RefCell::default(),
            end: Cell::new(1),
            threshold: Cell::new(FEW.min(many(quota))),
            freed: Cell::new(0),
        }
    }

    /// A new externref to `value`, which is not null.
    #[inline]
    pub fn add(&self, env: JsEnv<'_>, value: Value<'_>) -> ExternRef {
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| self.end.replace(self.end.get() + 1));
        if let Some(retained) = self.retained.borrow_mut().get_mut(number as usize) {
            *retained = None;
        }
        env.set_element(self.values.get(env), number, value);
        ExternRef(number)
    }

    /// A new externref to any value; the null externref for null.
    ///
    /// # Errors
    /// `Limit` of the store's `quota`.
    #[inline]
    pub fn add_or_null(&self, env: JsEnv<'_>, value: Value<'_>, quota: &Quota) -> Result<ExternRef, Error> {
        if env.is_null(value) {
            return Ok(ExternRef::default());
        }
        if let Err(exceeded) = quota.check(Resource::Externrefs, u64::from(self.used()) + 1) {
            // The next call from JavaScript frees those that wasm has let go of.
            self.threshold.set(0);
            return Err(exceeded.into());
        }
        Ok(self.add(env, value))
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
    pub fn sweep(&self, env: JsEnv<'_>, store: &Store, retainers: &Retainers, exceptions: &Exceptions) {
        // The sweep allocates an entry for each number. Without room for them, it waits.
        if !has_room(self.end.get() as usize * size_of::<Option<RetainedValue>>()) {
            return;
        }
        let mut holders: FxHashMap<u32, Option<Node>> = FxHashMap::default();
        let mut hold = |node: Option<Node>, ExternRef(number)| {
            // No externref, but a word on the stack of a suspended call.
            if number >= self.end.get() {
                return;
            }
            // A value that several nodes hold stays in `values`.
            holders.entry(number).and_modify(|known| *known = known.filter(|_| *known == node)).or_insert(node);
        };
        ExternRef::each(store, &mut hold);
        exceptions.each_externref(|reference| hold(None, reference));
        holders.remove(&0);
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
        self.free_unheld(env, &holders);
        self.retained.replace(retained);
        let (used, many) = (self.used(), many(&store.quota));
        let threshold = FEW.max(used.saturating_mul(2));
        self.threshold.set(if used < many { threshold.min(many) } else { threshold });
        by_node.retain(|_, numbers| !numbers.is_empty());
        self.retaining.replace(by_node.into_keys().collect());
    }

    /// Frees the externrefs without a holder, and drops from `values` those that one node holds. The holder `None` means
    /// `values`.
    fn free_unheld(&self, env: JsEnv<'_>, holders: &FxHashMap<u32, Option<Node>>) {
        let (values, undefined) = (self.values.get(env), env.undefined());
        let mut free = self.free.borrow_mut();
        let (before, end) = (free.len(), self.end.get());
        let mut is_free = vec![false; end as usize];
        free.iter().for_each(|number| is_free[*number as usize] = true);
        for number in (1..end).filter(|number| !is_free[*number as usize]) {
            match holders.get(&number) {
                Some(None) => continue,
                Some(Some(_)) => {}
                None => free.push(number),
            }
            env.set_element(values, number, undefined);
        }
        self.freed.set(self.freed.get() + (free.len() - before) as u64);
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
    pub fn used(&self) -> u32 {
        self.end.get() - 1 - self.free.borrow().len() as u32
    }

    /// Whether a sweep is due.
    #[inline]
    pub fn are_many(&self) -> bool {
        self.used() >= self.threshold.get()
    }
}
