//! Owners and ids of the objects of one kind.

use crate::engine::{InObjectList, put};
use crate::store::{InstanceId, free_id};
use rustc_hash::FxHashMap;
use std::num::NonZeroUsize;
use wasmer::sys::vm::{InternalStoreHandle, StoreObjects};

/// The objects of one kind in a store: the owner of each, and the ids of those that JavaScript has seen.
///
/// An object keeps its index in wasmer's list, and the index is reused when the object is gone. Ids are reused only
/// after all others were, so a stale id finds nothing.
pub struct ObjectIndex<T> {
    states: Vec<ObjectState>,
    free_list: Vec<InternalStoreHandle<T>>,
    by_id: FxHashMap<u32, InternalStoreHandle<T>>,
    next: u32,
}

#[derive(Clone, Copy, Default)]
struct ObjectState {
    owner: Owner,
    id: Option<u32>,
    /// Number of open instances that import it
    importers: u32,
    /// Whether JavaScript's handles of it have ended
    hidden: bool,
}

/// The owner of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// None: the object is gone
    #[default]
    Gone,
    /// The host
    Host,
    /// An instance, whose context contains the definition
    Instance(InstanceId),
}

impl<T> Default for ObjectIndex<T> {
    fn default() -> Self {
        Self { states: Vec::new(), free_list: Vec::new(), by_id: FxHashMap::default(), next: 0 }
    }
}

/// The index of an object in wasmer's list.
pub fn index_of<T>(handle: InternalStoreHandle<T>) -> usize {
    // SAFETY: a handle is a transparent wrapper of a `NonZeroUsize`: the index of its object plus one.
    unsafe { std::mem::transmute::<InternalStoreHandle<T>, NonZeroUsize>(handle) }.get() - 1
}

/// The handle of the object at an index of wasmer's list.
pub fn handle_at<T>(index: usize) -> InternalStoreHandle<T> {
    let index = NonZeroUsize::MIN.saturating_add(index);
    // SAFETY: as in `index_of`. Every use of a handle checks its index against the length of the list.
    unsafe { std::mem::transmute::<NonZeroUsize, InternalStoreHandle<T>>(index) }
}

impl<T> ObjectIndex<T> {
    /// Sets the owner of a new object.
    pub fn set_owner(&mut self, handle: InternalStoreHandle<T>, owner: Owner) {
        let index = index_of(handle);
        if index >= self.states.len() {
            self.states.resize(index + 1, ObjectState::default());
        }
        self.states[index] = ObjectState { owner, ..ObjectState::default() };
    }

    /// The free list. `Store::lend_free_lists` takes it, and `Store::return_free_lists` puts back what is left.
    pub fn free_list(&mut self) -> &mut Vec<InternalStoreHandle<T>> {
        &mut self.free_list
    }

    /// The owner of the object.
    pub fn owner(&self, handle: InternalStoreHandle<T>) -> Owner {
        self.states.get(index_of(handle)).map_or(Owner::Gone, |state| state.owner)
    }

    /// Handles and owners of all objects that exist.
    pub fn all(&self) -> impl Iterator<Item = (InternalStoreHandle<T>, Owner)> + '_ {
        let all = self.states.iter().enumerate().map(|(index, state)| (handle_at(index), state.owner));
        all.filter(|(_, owner)| *owner != Owner::Gone)
    }

    /// The id of the object, assigned on first use. JavaScript has one wrapper per id.
    pub fn id(&mut self, handle: InternalStoreHandle<T>) -> u32 {
        let index = index_of(handle);
        if let Some(id) = self.states[index].id {
            return id;
        }
        let id = free_id(&mut self.next, |id| self.by_id.contains_key(&id));
        self.by_id.insert(id, handle);
        self.states[index].id = Some(id);
        id
    }

    /// The object with this id, if it exists and JavaScript's handles of it have not ended.
    pub fn find(&self, id: u32) -> Option<InternalStoreHandle<T>> {
        let handle = *self.by_id.get(&id)?;
        (!self.states[index_of(handle)].hidden).then_some(handle)
    }

    /// Whether the object with this id exists, even if JavaScript's handles of it have ended.
    pub fn has(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The object with this id, even if JavaScript's handles of it have ended.
    pub fn known(&self, id: u32) -> Option<InternalStoreHandle<T>> {
        self.by_id.get(&id).copied()
    }

    /// The object's id, if one was assigned.
    pub fn known_id(&self, handle: InternalStoreHandle<T>) -> Option<u32> {
        self.states[index_of(handle)].id
    }

    /// The object with this id.
    ///
    /// # Panics
    /// If there is none: check an id that came from JavaScript with `find` first.
    pub fn handle(&self, id: u32) -> InternalStoreHandle<T> {
        self.by_id[&id]
    }

    /// Counts one more or one fewer open importer.
    pub fn count_importer(&mut self, handle: InternalStoreHandle<T>, more: bool) {
        let importers = &mut self.states[index_of(handle)].importers;
        *importers = if more { *importers + 1 } else { importers.saturating_sub(1) };
    }

    /// Ends JavaScript's handles of the object, unless an open instance imports it. Returns the id if it has ended them
    /// and the object has one.
    pub fn hide(&mut self, handle: InternalStoreHandle<T>) -> Option<u32> {
        let state = &mut self.states[index_of(handle)];
        if state.importers > 0 {
            return None;
        }
        state.hidden = true;
        state.id
    }
}

impl<T: InObjectList> ObjectIndex<T> {
    /// Adds an object that the host owns.
    pub fn add(&mut self, objects: &mut StoreObjects, object: T) -> InternalStoreHandle<T> {
        let handle = put(objects, self.free_list.pop(), object);
        self.set_owner(handle, Owner::Host);
        handle
    }

    /// Takes an object out, and adds its index to the free list.
    pub fn remove(&mut self, objects: &mut StoreObjects, handle: InternalStoreHandle<T>) -> T {
        if let Some(id) = std::mem::take(&mut self.states[index_of(handle)]).id {
            self.by_id.remove(&id);
        }
        self.free_list.push(handle);
        std::mem::replace(handle.get_mut(objects), T::placeholder())
    }

    /// Takes `count` adjacent indices from the free list, all greater than the indices of `before`. Returns the first.
    pub fn take_run(&mut self, count: usize, before: &[InternalStoreHandle<T>]) -> Option<usize> {
        let least = before.iter().map(|handle| index_of(*handle) + 1).max().unwrap_or(0);
        let mut indices: Vec<_> = self.free_list.iter().map(|handle| index_of(*handle)).collect();
        indices.retain(|index| *index >= least);
        indices.sort_unstable();
        let first =
            *indices.windows(count.max(1)).find(|run| count > 0 && run[count - 1] - run[0] == count - 1)?.first()?;
        self.free_list.retain(|handle| !(first..first + count).contains(&index_of(*handle)));
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer::sys::vm::VMTag;

    /// An index with owners for these indices.
    fn owned(indices: &[usize]) -> ObjectIndex<VMTag> {
        let mut index = ObjectIndex::default();
        indices.iter().for_each(|at| index.set_owner(handle_at(*at), Owner::Host));
        index
    }

    #[test]
    fn a_run_of_free_indices_is_adjacent_and_after_those_that_are_given() {
        let mut index = owned(&[]);
        index.free_list = [7, 2, 3, 9, 8].map(handle_at).to_vec();
        assert_eq!(index.take_run(4, &[]), None);
        assert_eq!(index.take_run(0, &[]), None);
        assert_eq!(index.take_run(2, &[handle_at(2)]), Some(7));
        let left: Vec<_> = index.free_list.iter().map(|handle| index_of(*handle)).collect();
        assert_eq!(left, [2, 3, 9]);
    }

    #[test]
    fn an_object_that_an_open_instance_imports_is_not_hidden() {
        let mut index = owned(&[0, 1]);
        let (imported, other) = (handle_at(0), handle_at(1));
        let (id, other_id) = (index.id(imported), index.id(other));
        index.count_importer(imported, true);
        assert_eq!((index.hide(imported), index.hide(other)), (None, Some(other_id)));
        assert_eq!((index.find(id), index.find(other_id)), (Some(imported), None));
        assert!(index.has(other_id), "it is there, for those that know it");
        index.count_importer(imported, false);
        assert_eq!(index.hide(imported), Some(id));
    }
}
