//! The sweep of externrefs: frees those that wasm no longer holds, and moves values that one node holds to its retainer.

use crate::engine::has_room;
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::convert::externrefs::{Externrefs, FIRST};
use crate::napi::convert::holders::{Holders, SHARED, UNHELD};
use crate::napi::convert::retained_values::RetainedValues;
use crate::napi::env::environment::Environment;
use crate::napi::env::exception::{PendingException, ThrownValue};
use crate::napi::env::lib_functions::LibFunctions;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::retainers::Retainers;
use crate::store::{ExternRef, Store};
use std::time::Instant;

/// Bytes that a sweep takes for each number, at most.
const TAKEN: usize = 64;

/// The state of a sweep.
struct Sweep<'a> {
    env: JsEnv<'a>,
    environment: &'a Environment,
    store: &'a Store,
    retainers: &'a Retainers,
    holders: Holders,
    /// For each node of `holders`, the numbers that only this node holds
    numbers: Vec<Vec<u32>>,
}

impl Externrefs {
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
        // The sweep allocates for each number. Without room, it waits.
        let end = self.end.get();
        if !has_room(end as usize * TAKEN) || !self.free.grow(env, end) {
            return;
        }
        let (start, before) = (Instant::now(), self.used());
        self.free.forget_last();
        let holders = Holders::of(store, exceptions, &self.results.borrow(), end);
        let numbers = holders.numbers(FIRST);
        let sweep = Sweep { env, environment, store, retainers, holders, numbers };
        self.return_values(&sweep);
        let moved = self.retain_values(&sweep);
        let retained = RetainedValues::new(&sweep.holders.nodes, &sweep.numbers, end);
        self.retained.replace(retained);
        self.free_unheld(&sweep);
        self.drop_values(&sweep, &moved);
        self.note_sweep(start, before, &store.quota);
    }

    /// Puts the values that more than one node holds by now, or another one, from the retainers back to `values`.
    fn return_values(&self, sweep: &Sweep<'_>) {
        let (env, holders, retained) = (sweep.env, &sweep.holders, self.retained.borrow());
        let nodes: Vec<_> = retained.nodes.iter().map(|(node, _)| holders.of_node(*node)).collect();
        let mut returned = vec![(Vec::new(), Vec::new()); nodes.len()];
        for (number, holder) in (0..).zip(&holders.of).skip(FIRST as usize).filter(|(_, holder)| **holder != UNHELD) {
            let place = retained.at(number);
            if let Some(index) = (place.node as usize).checked_sub(1).filter(|index| nodes[*index] != *holder) {
                let (numbers, indices) = &mut returned[index];
                numbers.push(number);
                indices.push(place.index);
            }
        }
        for ((node, _), (numbers, indices)) in retained.nodes.iter().zip(&returned) {
            if numbers.is_empty() {
                continue;
            }
            let scope = env.open_scope();
            let env = scope.env();
            let done = sweep.retainers.externrefs(env, *node).is_some_and(|array| {
                let lists = env.uint32s(numbers).zip(env.uint32s(indices));
                lists.is_some_and(|(numbers, indices)| {
                    sweep.call(|lib| &lib.return_externrefs, &[array, numbers, indices]).is_some()
                })
            });
            if !done {
                numbers.iter().for_each(|number| {
                    self.set_value(sweep, *number, |env| self.value(env, sweep.retainers, ExternRef(*number)))
                });
            }
        }
    }

    /// Gives the retainer of each node the values that only this node holds. Returns their numbers, without those whose values
    /// the retainer had.
    fn retain_values(&self, sweep: &Sweep<'_>) -> Vec<u32> {
        let retained = self.retained.borrow();
        let mut moved = Vec::new();
        for (node, numbers) in sweep.holders.nodes.iter().zip(&sweep.numbers) {
            let position = retained.position(*node);
            if retained.has(position, numbers) {
                continue;
            }
            let scope = sweep.env.open_scope();
            let env = scope.env();
            // The index in the retainer's array, counted from 1; 0 for a value that it does not have yet.
            let index = |number: &u32| match retained.at(*number) {
                place if position != 0 && place.node == position => place.index + 1,
                _ => 0,
            };
            let indices: Vec<_> = numbers.iter().map(index).collect();
            let array = sweep.retainers.externrefs(env, *node).unwrap_or(env.undefined());
            let lists = env.uint32s(numbers).zip(env.uint32s(&indices));
            let values = lists
                .and_then(|(numbers, indices)| sweep.call(|lib| &lib.retain_externrefs, &[array, numbers, indices]));
            let values = values.unwrap_or_else(|| self.array_of(env, array, numbers, &indices));
            sweep.retainers.set_externrefs(env, sweep.store, *node, values);
            moved.extend(numbers.iter().zip(&indices).filter(|(_, index)| **index == 0).map(|(number, _)| *number));
        }
        // Nodes that hold nothing any more.
        for (node, _) in retained.nodes.iter().filter(|(node, _)| sweep.holders.of_node(*node) == UNHELD) {
            let scope = sweep.env.open_scope();
            sweep.retainers.set_externrefs(scope.env(), sweep.store, *node, scope.env().array());
        }
        moved
    }

    /// Adds the numbers that nothing holds to the free list, and drops their values.
    fn free_unheld(&self, sweep: &Sweep<'_>) {
        let (before, end) = (self.free.count(), self.end.get());
        let mut is_free = vec![false; end as usize];
        self.free.each(|number| is_free[number as usize] = true);
        let is_unheld = |number: &u32| sweep.holders.of[*number as usize] == UNHELD && !is_free[*number as usize];
        (FIRST..end).rev().filter(is_unheld).for_each(|number| {
            self.free.push(number);
            self.charges.end(number);
        });
        self.charges.note_sweep();
        // JavaScript is faster than a call of N-API for each, but may be at the end of its stack.
        if sweep.call(|lib| &lib.drop_externrefs, &[sweep.env.uint32(before)]).is_none() {
            self.free.each(|number| self.set_value(sweep, number, JsEnv::undefined));
        }
        self.freed.set(self.freed.get() + u64::from(self.free.count() - before));
    }

    /// Drops from `values` what retainers hold: `moved` are the numbers that were moved there just now.
    fn drop_values(&self, sweep: &Sweep<'_>, moved: &[u32]) {
        let is_retained = |number: &u32| !matches!(sweep.holders.of[*number as usize], UNHELD | SHARED);
        let dropped: Vec<_> = moved.iter().copied().chain(self.read.take().into_iter().filter(is_retained)).collect();
        if dropped.is_empty() {
            return;
        }
        let scope = sweep.env.open_scope();
        let list = scope.env().uint32s(&dropped);
        if list.and_then(|list| sweep.call(|lib| &lib.drop_retained, &[list])).is_none() {
            dropped.iter().for_each(|number| self.set_value(sweep, *number, JsEnv::undefined));
        }
    }

    fn set_value<'a>(&self, sweep: &Sweep<'a>, number: u32, value: impl FnOnce(JsEnv<'a>) -> Value<'a>) {
        // A scope for each value bounds the number of handles.
        let _scope = sweep.env.open_scope();
        sweep.env.set_element(self.values.get(sweep.env), number, value(sweep.env));
    }

    /// `retainExternrefs` of `lib/`, by N-API.
    fn array_of<'a>(&self, env: JsEnv<'a>, retained: Value<'_>, numbers: &[u32], indices: &[u32]) -> Value<'a> {
        let array = env.array_of(numbers.len());
        for (at, (number, index)) in (0..).zip(numbers.iter().zip(indices)) {
            let scope = env.open_scope();
            let env = scope.env();
            let value = match index.checked_sub(1) {
                Some(index) => env.element(retained, index),
                None => env.element(self.values.get(env), *number),
            };
            env.set_element(array, at, value);
        }
        array
    }
}

impl Sweep<'_> {
    /// The result of a function of `lib/`; none if it could not run: JavaScript may be at the end of its stack.
    fn call<'a>(
        &'a self,
        function: impl FnOnce(&LibFunctions) -> &StrongReference,
        arguments: &[Value<'_>],
    ) -> Option<Value<'a>> {
        let result = self.environment.call_after(function, arguments);
        result.inspect_err(|PendingException| drop(ThrownValue::take(self.env))).ok()
    }
}
