//! The instances whose functions a trap has unwound.

use crate::error::{Trace, TracedFunction};
use crate::store::instance::entity::Instance;
use crate::store::{FuncRef, InstanceId, Store, TableId};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Number of innermost frames in which the instances are searched.
const FRAMES: usize = 4096;

impl Store {
    /// The recyclable instances of which a failed call has unwound functions. `called` is the function that the host has
    /// called, and `trace` has the functions on the stack.
    #[cold]
    pub fn unwound(&self, called: FuncRef, trace: Option<&dyn Trace>) -> Vec<InstanceId> {
        if !self.has_recyclable.get() {
            return Vec::new();
        }
        let mut by_code: FxHashMap<usize, Vec<Rc<Instance>>> = FxHashMap::default();
        for instance in self.instances.borrow().values().filter(|instance| instance.is_users()) {
            let codes = [Some(instance.code().id()), instance.tier_up().map(|tier_up| tier_up.code().id())];
            codes.into_iter().flatten().for_each(|code| by_code.entry(code).or_default().push(instance.clone()));
        }
        let mut running = called.canonical(self).context_owner(self);
        let mut unwound: Vec<Rc<Instance>> = running.iter().cloned().collect();
        let mut known = FxHashMap::default();
        for frame in trace.map(|trace| trace.functions(FRAMES)).unwrap_or_default().iter().rev() {
            // Adapters are in no list.
            let Some(candidates) = by_code.get(&frame.module) else { continue };
            let next = match &candidates[..] {
                [only] => Some(only),
                several => running.as_ref().and_then(|caller| {
                    let others = || several.iter().position(|each| caller.calls(self, each, frame));
                    let other = *known.entry((caller.id, *frame)).or_insert_with(others);
                    // A function of the caller itself, if it has no such function of another instance.
                    other.map(|position| &several[position])
                }),
            };
            if let Some(next) = next.filter(|next| running.as_ref().is_none_or(|running| running.id != next.id)) {
                running = Some(next.clone());
                unwound.push(next.clone());
            }
        }
        let mut ids: Vec<_> =
            unwound.iter().filter(|each| each.is_recyclable() && !each.is_closed()).map(|each| each.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Instance {
    /// Whether the instance imports this function of `other`, another instance, or a table that it uses holds it.
    fn calls(&self, store: &Store, other: &Rc<Instance>, function: &TracedFunction) -> bool {
        if other.id == self.id {
            return false;
        }
        let is_it = |held: FuncRef| {
            let located = held.canonical(store).locate(store);
            located.is_some_and(|(instance, index)| instance.id == other.id && index == function.index)
        };
        let contents = &self.contents;
        if contents.imports.iter().any(|import| is_it(*import)) {
            return true;
        }
        let mut tables = contents.imported.tables.iter().chain(&contents.own.tables);
        tables.any(|handle| {
            let table = TableId::of(store, *handle);
            (0..table.size(store)).filter_map(|index| table.stored(store, index)).any(is_it)
        })
    }
}
