use crate::engine::{InObjectList, put};
use crate::store::{InstanceId, free_id};
use rustc_hash::FxHashMap;
use std::num::NonZeroUsize;
use wasmer::sys::vm::{InternalStoreHandle, StoreObjects};

/// The objects of one kind in a store: whose each is, and the ids of those that JavaScript has seen.
///
/// An object's place in wasmer's list stays, and is used again when the object is gone. Its id is never
/// another object's, so that whoever keeps one too long finds nothing.
pub struct ObjectIndex<T> {
    places: Vec<ObjectState>,
    free_list: Vec<InternalStoreHandle<T>>,
    by_id: FxHashMap<u32, InternalStoreHandle<T>>,
    next: u32,
}

#[derive(Clone, Copy, Default)]
struct ObjectState {
    owner: Owner,
    id: Option<u32>,
    /// How many open instances import it
    importers: u32,
    /// Whether JavaScript's handles of it are dead
    hidden: bool,
}

/// Whose an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// Nobody's: it is gone
    #[default]
    Nobody,
    /// The host's
    Host,
    /// An instance's, in whose context its definition lies
    Instance(InstanceId),
}

impl<T> Default for ObjectIndex<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free_list: Vec::new(), by_id: FxHashMap::default(), next: 0 }
    }
}

/// The place of an object in wasmer's list.
pub fn index_of<T>(handle: InternalStoreHandle<T>) -> usize {
    // SAFETY: a handle is, transparently, one more than the index of its object, and never zero.
    unsafe { std::mem::transmute::<InternalStoreHandle<T>, NonZeroUsize>(handle) }.get() - 1
}

/// The handle of the object at a place in wasmer's list.
pub fn handle_at<T>(place: usize) -> InternalStoreHandle<T> {
    let index = NonZeroUsize::MIN.saturating_add(place);
    // SAFETY: as in `index_of`; what uses a handle checks that the list has its place.
    unsafe { std::mem::transmute::<NonZeroUsize, InternalStoreHandle<T>>(index) }
}

impl<T> ObjectIndex<T> {
    /// Notes whose an object is that was just made.
    pub fn set_owner(&mut self, handle: InternalStoreHandle<T>, owner: Owner) {
        let place = index_of(handle);
        if place >= self.places.len() {
            self.places.resize(place + 1, ObjectState::default());
        }
        self.places[place] = ObjectState { owner, ..ObjectState::default() };
    }

    /// The vacant places, to be filled elsewhere. What is left of them comes back as they are lent again.
    pub fn free_list(&mut self) -> &mut Vec<InternalStoreHandle<T>> {
        &mut self.free_list
    }

    /// Whose the object is.
    pub fn owner(&self, handle: InternalStoreHandle<T>) -> Owner {
        self.places.get(index_of(handle)).map_or(Owner::Nobody, |place| place.owner)
    }

    /// The handles of all that are there, and whose they are.
    pub fn all(&self) -> impl Iterator<Item = (InternalStoreHandle<T>, Owner)> + '_ {
        let all = self.places.iter().enumerate().map(|(index, place)| (handle_at(index), place.owner));
        all.filter(|(_, owner)| *owner != Owner::Nobody)
    }

    /// The id of the object: one for each object, so that JavaScript can have one wrapper for each.
    pub fn id(&mut self, handle: InternalStoreHandle<T>) -> u32 {
        let place = index_of(handle);
        if let Some(id) = self.places[place].id {
            return id;
        }
        let id = free_id(&mut self.next, |id| self.by_id.contains_key(&id));
        self.by_id.insert(id, handle);
        self.places[place].id = Some(id);
        id
    }

    /// The object with this id, if it is there and JavaScript may use it.
    pub fn find(&self, id: u32) -> Option<InternalStoreHandle<T>> {
        let handle = *self.by_id.get(&id)?;
        (!self.places[index_of(handle)].hidden).then_some(handle)
    }

    /// Whether the object with this id is there, be it for wasm alone.
    pub fn has(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The object with this id, whether JavaScript may use it or not.
    pub fn known(&self, id: u32) -> Option<InternalStoreHandle<T>> {
        self.by_id.get(&id).copied()
    }

    /// The id that the object has, if it has one.
    pub fn known_id(&self, handle: InternalStoreHandle<T>) -> Option<u32> {
        self.places[index_of(handle)].id
    }

    /// The object with this id.
    ///
    /// # Panics
    /// If there is none: whoever has the id from JavaScript asks `find` first.
    pub fn handle(&self, id: u32) -> InternalStoreHandle<T> {
        self.by_id[&id]
    }

    /// Notes that an open instance imports the object, or no longer does.
    pub fn count_importer(&mut self, handle: InternalStoreHandle<T>, more: bool) {
        let importers = &mut self.places[index_of(handle)].importers;
        *importers = if more { *importers + 1 } else { importers.saturating_sub(1) };
    }

    /// Ends JavaScript's handles of the object, unless an open instance imports it. Gives its id, if it has one.
    pub fn hide(&mut self, handle: InternalStoreHandle<T>) -> Option<u32> {
        let place = &mut self.places[index_of(handle)];
        if place.importers > 0 {
            return None;
        }
        place.hidden = true;
        place.id
    }
}

impl<T: InObjectList> ObjectIndex<T> {
    /// Puts an object of the host's into a place.
    pub fn add(&mut self, objects: &mut StoreObjects, object: T) -> InternalStoreHandle<T> {
        let handle = put(objects, self.free_list.pop(), object);
        self.set_owner(handle, Owner::Host);
        handle
    }

    /// Takes an object out, and leaves its place to others.
    pub fn remove(&mut self, objects: &mut StoreObjects, handle: InternalStoreHandle<T>) -> T {
        if let Some(id) = std::mem::take(&mut self.places[index_of(handle)]).id {
            self.by_id.remove(&id);
        }
        self.free_list.push(handle);
        std::mem::replace(handle.get_mut(objects), T::placeholder())
    }

    /// Takes `count` vacant places that lie side by side, all of them behind those of `before`.
    pub fn take_run(&mut self, count: usize, before: &[InternalStoreHandle<T>]) -> Option<usize> {
        let least = before.iter().map(|handle| index_of(*handle) + 1).max().unwrap_or(0);
        let mut places: Vec<_> = self.free_list.iter().map(|handle| index_of(*handle)).collect();
        places.retain(|place| *place >= least);
        places.sort_unstable();
        let first =
            *places.windows(count.max(1)).find(|run| count > 0 && run[count - 1] - run[0] == count - 1)?.first()?;
        self.free_list.retain(|handle| !(first..first + count).contains(&index_of(*handle)));
        Some(first)
    }
}
