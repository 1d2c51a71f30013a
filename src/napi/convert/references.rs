//! Externrefs: the JavaScript values that wasm holds, by number.

use crate::engine::has_room;
use crate::napi::env::context::Context;
use crate::napi::env::reference::StrongReference;
use crate::store::{ExternRef, Node};
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::ptr;

/// The JavaScript values that wasm holds as externrefs. An externref is a number, never 0, which is null.
pub struct References {
    /// Array of the values by number, without those in retainers: values from after the last sweep, and values that
    /// several nodes or exceptions hold. An array, since N-API has no references to primitives
    values: StrongReference,
    /// Places of the other values, by number: a node, and the index in its retainer's values
    homes: RefCell<Vec<Option<(Node, u32)>>>,
    /// The nodes whose retainers hold values
    homed: RefCell<Vec<Node>>,
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

impl References {
    /// # Safety
    /// This is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env) -> Self {
        let mut values = ptr::null_mut();
        // SAFETY: by the contract of this function.
        let values = unsafe {
            sys::napi_create_array(env, &mut values);
            StrongReference::new(env, values)
        };
        Self {
            values,
            homes: RefCell::default(),
            homed: RefCell::default(),
            free: RefCell::default(),
            end: Cell::new(1),
            threshold: Cell::new(FEW),
            freed: Cell::new(0),
        }
    }

    /// A new externref to `value`.
    ///
    /// # Safety
    /// `value` is a value of `env`, and this is the thread of `env`.
    pub unsafe fn add(&self, env: sys::napi_env, value: sys::napi_value) -> ExternRef {
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| self.end.replace(self.end.get() + 1));
        if let Some(home) = self.homes.borrow_mut().get_mut(number as usize) {
            *home = None;
        }
        self.set(env, number, value);
        ExternRef(number)
    }

    fn get(&self, env: sys::napi_env, number: u32) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of `env`.
        unsafe { sys::napi_get_element(env, self.values.get(env), number, &mut value) };
        value
    }

    fn set(&self, env: sys::napi_env, number: u32, value: sys::napi_value) {
        // SAFETY: plain N-API calls on the thread of `env`.
        unsafe { sys::napi_set_element(env, self.values.get(env), number, value) };
    }

    /// Records the new places of values, and frees externrefs without a holder. The holder `None` means `values`.
    fn settle(
        &self,
        env: sys::napi_env,
        holders: &FxHashMap<u32, Option<Node>>,
        homes: impl Iterator<Item = (u32, (Node, u32))>,
    ) {
        let mut undefined = ptr::null_mut();
        // SAFETY: a plain N-API call.
        unsafe { sys::napi_get_undefined(env, &mut undefined) };
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
            self.set(env, number, undefined);
        }
        self.freed.set(self.freed.get() + (free.len() - before) as u64);
        drop(free);
        let mut all = vec![None; end as usize];
        homes.for_each(|(number, home)| all[number as usize] = Some(home));
        self.homes.replace(all);
        self.threshold.set(FEW.max(self.used().saturating_mul(2)));
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

impl Context {
    /// The value of an externref, which must not be null.
    pub fn value_behind(&self, reference: ExternRef) -> sys::napi_value {
        let home = self.references.homes.borrow().get(reference.0 as usize).copied().flatten();
        home.map_or_else(|| self.references.get(self.env, reference.0), |(node, index)| self.value_at(node, index))
    }

    /// Frees the externrefs that wasm no longer holds. Moves each value that only one node holds to the node's
    /// retainer, so that V8 can collect a cycle through the value and the node.
    pub fn sweep_references(&self) {
        // The sweep allocates a place for each number. Without room for them, it waits.
        if !has_room(self.references.end.get() as usize * size_of::<Option<(Node, u32)>>()) {
            return;
        }
        let mut holders: FxHashMap<u32, Option<Node>> = FxHashMap::default();
        let mut hold = |node: Option<Node>, ExternRef(number)| {
            // A value that several nodes hold stays in `values`.
            holders.entry(number).and_modify(|known| *known = known.filter(|_| *known == node)).or_insert(node);
        };
        ExternRef::each(&self.store, &mut hold);
        self.exceptions.each_externref(&mut |reference| hold(None, reference));
        holders.remove(&0);
        let mut by_node: FxHashMap<Node, Vec<u32>> =
            self.references.homed.take().into_iter().map(|node| (node, Vec::new())).collect();
        for (number, node) in &holders {
            match node {
                Some(node) => by_node.entry(*node).or_default().push(*number),
                None => self.references.set(self.env, *number, self.value_behind(ExternRef(*number))),
            }
        }
        // `set_values` drops the old lists, so all values are read before.
        let lists: Vec<_> = by_node.iter().map(|(node, numbers)| (*node, self.list_of(numbers))).collect();
        lists.into_iter().for_each(|(node, list)| self.set_values(node, list));
        let homes =
            by_node.iter().flat_map(|(node, numbers)| (0..).zip(numbers).map(|(index, n)| (*n, (*node, index))));
        self.references.settle(self.env, &holders, homes);
        by_node.retain(|_, numbers| !numbers.is_empty());
        self.references.homed.replace(by_node.into_keys().collect());
    }

    /// An array of the values of these externrefs.
    fn list_of(&self, numbers: &[u32]) -> sys::napi_value {
        let (env, mut list) = (self.env, ptr::null_mut());
        // A scope for each value bounds the number of handles.
        // SAFETY: plain N-API calls on the thread of the environment; `list` was made outside of the inner scopes.
        unsafe {
            sys::napi_create_array_with_length(env, numbers.len(), &mut list);
            for (index, number) in (0..).zip(numbers) {
                let mut scope = ptr::null_mut();
                sys::napi_open_handle_scope(env, &mut scope);
                sys::napi_set_element(env, list, index, self.value_behind(ExternRef(*number)));
                sys::napi_close_handle_scope(env, scope);
            }
        }
        list
    }
}
