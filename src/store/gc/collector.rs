//! Closing, sweeping and counting the objects of a store.

use crate::engine::Code;
use crate::store::instance::entity::{Instance, InstanceId, Objects};
use crate::store::object::index::{ObjectIndex, Owner, index_of};
use crate::store::{FuncRef, GlobalId, Marks, MemoryId, Node, Store, TableId};
use rustc_hash::FxHashSet;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{InternalStoreHandle, LinearMemory, VMMemory};

/// Counts of what a store has freed since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freed {
    /// Instances
    pub instances: u64,
    /// Functions that instances define, plus host functions that they import
    pub functions: u64,
    /// Memories
    pub memories: u64,
    /// Size of these memories, in bytes
    pub memory_bytes: u64,
    /// Tables
    pub tables: u64,
    /// Globals
    pub globals: u64,
    /// Tags
    pub tags: u64,
}

/// Counts of the objects in a store.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectCounts {
    /// Instances that the user made, including closed ones that are still linked
    pub instances: u64,
    /// Functions that instances define, plus host functions that they import
    pub functions: u64,
    /// Memories
    pub memories: u64,
    /// Size of these memories, in bytes
    pub memory_bytes: u64,
    /// Tables
    pub tables: u64,
    /// Globals
    pub globals: u64,
    /// Tags
    pub tags: u64,
    /// Size of the machine code of all instances, in bytes; shared code counts once
    pub code_bytes: u64,
}

/// A memory that has left its store. Its bytes stay mapped until this is dropped.
pub struct DetachedMemory {
    #[expect(dead_code, reason = "held for its destructor")]
    memory: VMMemory,
    bytes: u64,
}

impl DetachedMemory {
    /// # Safety
    /// The definition of the memory is still allocated.
    unsafe fn new(memory: VMMemory) -> Self {
        // SAFETY: by the contract of this function.
        let bytes = unsafe { (*memory.vmmemory().as_ptr()).current_length };
        Self { memory, bytes: bytes as u64 }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Objects whose JavaScript handles have ended.
#[derive(Default)]
pub struct Hidden {
    /// Memories that had an id
    pub memories: Vec<MemoryId>,
    /// Tables that had an id
    pub tables: Vec<TableId>,
    /// Globals that had an id
    pub globals: Vec<GlobalId>,
}

/// Instances and objects that a sweep has freed.
#[derive(Default)]
pub struct Swept {
    /// Freed instances
    pub instances: FxHashSet<InstanceId>,
    /// Freed tables that had an id
    pub tables: FxHashSet<TableId>,
    /// Detached memories that had an id
    pub memories: Vec<(MemoryId, DetachedMemory)>,
}

impl Store {
    /// Closes an instance. With `silent`, its functions do nothing when JavaScript calls them from then on. Returns the
    /// objects whose JavaScript handles have ended: those that no open instance imports.
    pub fn close(&self, id: InstanceId, silent: bool) -> Hidden {
        let Some(instance) = self.instances.borrow().get(&id).cloned() else { return Hidden::default() };
        if instance.is_closed() {
            return Hidden::default();
        }
        instance.life().close(silent);
        // The tier-up instance imports objects of this one: unless it is closed first, their handles stay open.
        let tier_up = instance.tier_up().map(|tier_up| self.close(tier_up.id, silent));
        let parts = &instance.parts;
        self.count_importers(&parts.imported, false);
        let mut hidden = Hidden::default();
        self.hide(&mut hidden, &parts.own, |_| true);
        // Imported objects of instances that were closed before: this may have been their last open importer.
        let instances = self.instances.borrow();
        let is_closed = |owner| match owner {
            Owner::Instance(id) => instances.get(&id).is_none_or(|instance| instance.is_closed()),
            Owner::Host | Owner::Nobody => false,
        };
        self.hide(&mut hidden, &parts.imported, is_closed);
        if let Some(Hidden { memories, tables, globals }) = tier_up {
            hidden.memories.extend(memories);
            hidden.tables.extend(tables);
            hidden.globals.extend(globals);
        }
        hidden
    }

    fn hide(&self, hidden: &mut Hidden, objects: &Objects, which: impl Fn(Owner) -> bool) {
        fn all<T>(
            arena: &mut ObjectIndex<T>,
            handles: &[InternalStoreHandle<T>],
            which: impl Fn(Owner) -> bool,
        ) -> Vec<u32> {
            let hide =
                |handle: &InternalStoreHandle<T>| which(arena.owner(*handle)).then(|| arena.hide(*handle)).flatten();
            handles.iter().filter_map(hide).collect()
        }
        let places = &objects.places;
        hidden.tables.extend(all(&mut self.tables.borrow_mut(), &places.tables, &which).into_iter().map(TableId));
        hidden.globals.extend(all(&mut self.globals.borrow_mut(), &places.globals, &which).into_iter().map(GlobalId));
        all(&mut self.tags.borrow_mut(), &objects.tags, &which);
        hidden
            .memories
            .extend(all(&mut self.memories.borrow_mut(), &places.memories, &which).into_iter().map(MemoryId));
    }

    /// The ids of all instances.
    pub fn instance_ids(&self) -> Vec<InstanceId> {
        self.instances.borrow().keys().copied().collect()
    }

    /// Whether the instance that a function belongs to was not reached.
    pub fn is_unreached(&self, marks: &Marks, function: FuncRef) -> bool {
        function.node(self).is_none_or(|node| !marks.has(node))
    }

    /// Frees all nodes that were not reached. No wasm may be on the stack. Since `mark`, no object may have been made
    /// and no wasm may have run.
    pub fn sweep(&self, marks: &Marks) -> Swept {
        self.forget_functions(|function| self.is_unreached(marks, function));
        let unreached = |id: InstanceId| !marks.has(Node::Instance(id));
        let mut swept = Swept::default();
        let mut dead = Objects::default();
        let instances: Vec<_> =
            self.instances.borrow_mut().extract_if(|id, _| unreached(*id)).map(|(_, instance)| instance).collect();
        let mut freed = self.freed.get();
        for instance in &instances {
            swept.instances.insert(instance.id);
            if !instance.is_closed() {
                self.count_importers(&instance.parts.imported, false);
            }
            instance.life().close(false);
            freed.instances += u64::from(instance.is_users());
            freed.functions += instance.functions();
            let own = &instance.parts.own;
            dead.places.memories.extend(&own.places.memories);
            dead.places.tables.extend(&own.places.tables);
            dead.places.globals.extend(&own.places.globals);
            dead.tags.extend(&own.tags);
        }
        dead.places.memories.extend(hosts(&self.memories.borrow(), |place| !marks.has(Node::Memory(place))));
        dead.places.tables.extend(hosts(&self.tables.borrow(), |place| !marks.has(Node::Table(place))));
        dead.places.globals.extend(hosts(&self.globals.borrow(), |place| !marks.has(Node::Global(place))));
        dead.tags.extend(hosts(&self.tags.borrow(), |place| !marks.has(Node::Tag(place))));
        for handle in &dead.places.tables {
            if let Some(id) = self.tables.borrow().known_id(*handle).map(TableId) {
                swept.tables.insert(id);
                id.forget(self);
            }
        }
        for handle in &dead.places.globals {
            if let Some(id) = self.globals.borrow().known_id(*handle).map(GlobalId) {
                id.forget(self);
            }
        }
        freed.memories += dead.places.memories.len() as u64;
        freed.memory_bytes += self.bytes_of(dead.places.memories.iter().copied());
        freed.tables += dead.places.tables.len() as u64;
        freed.globals += dead.places.globals.len() as u64;
        freed.tags += dead.tags.len() as u64;
        self.freed.set(freed);
        // Objects go before the instances whose contexts contain their definitions.
        swept.memories = self.remove_objects(&dead);
        self.by_context.borrow_mut().retain(|_, resident| !swept.instances.contains(&resident.instance.id));
        // Other holders of such an instance check its open flag before use, so its context can be freed now.
        instances.iter().for_each(|instance| {
            instance.set_tier_up(None);
            drop(instance.vm.take());
        });
        swept
    }

    /// Takes objects out of the store. Returns the memories that had an id.
    pub(in crate::store) fn remove_objects(
        &self,
        Objects { places, tags }: &Objects,
    ) -> Vec<(MemoryId, DetachedMemory)> {
        self.with_objects(|objects| {
            let mut memories = Vec::new();
            for handle in &places.memories {
                let mut arena = self.memories.borrow_mut();
                let id = arena.known_id(*handle);
                let memory = arena.remove(objects, *handle);
                // SAFETY: a memory with an id is defined in an instance's context, which is freed later, or is the
                // host's.
                memories.extend(id.map(|id| (MemoryId(id), unsafe { DetachedMemory::new(memory) })));
            }
            places.tables.iter().for_each(|handle| drop(self.tables.borrow_mut().remove(objects, *handle)));
            places.globals.iter().for_each(|handle| drop(self.globals.borrow_mut().remove(objects, *handle)));
            tags.iter().for_each(|handle| drop(self.tags.borrow_mut().remove(objects, *handle)));
            memories
        })
    }

    fn bytes_of(&self, memories: impl Iterator<Item = InternalStoreHandle<VMMemory>>) -> u64 {
        self.with_objects(|objects| {
            // SAFETY: the definition lives as long as its memory.
            let length = |handle: InternalStoreHandle<VMMemory>| unsafe {
                (*handle.get(objects).vmmemory().as_ptr()).current_length
            };
            memories.map(|handle| length(handle) as u64).sum()
        })
    }

    /// Counts of what has been freed so far.
    pub fn freed(&self) -> Freed {
        self.freed.get()
    }

    /// Number of instances; O(1).
    pub fn len(&self) -> usize {
        self.instances.borrow().len()
    }

    /// Counts the objects of the store.
    pub fn census(&self) -> ObjectCounts {
        let instances = self.instances.borrow();
        let mut codes: Vec<&Arc<Code>> = instances.values().map(|instance| instance.code()).collect();
        codes.sort_by_key(|code| Arc::as_ptr(code));
        codes.dedup_by_key(|code| Arc::as_ptr(code));
        let memories: Vec<_> = self.memories.borrow().all().map(|(handle, _)| handle).collect();
        ObjectCounts {
            instances: instances.values().filter(|instance| instance.is_users()).count() as u64,
            functions: instances.values().map(|instance| instance.functions()).sum(),
            memories: memories.len() as u64,
            memory_bytes: self.bytes_of(memories.into_iter()),
            tables: self.tables.borrow().all().count() as u64,
            globals: self.globals.borrow().all().count() as u64,
            tags: self.tags.borrow().all().count() as u64,
            code_bytes: codes.iter().map(|code| code.size as u64).sum(),
        }
    }
}

impl Instance {
    /// The instance with this id, if it exists.
    pub fn find(store: &Store, id: InstanceId) -> Option<Rc<Self>> {
        store.instances.borrow().get(&id).cloned()
    }
}

impl MemoryId {
    /// Takes a memory out of a store that is about to be dropped. None if there is no memory with this id.
    pub fn detach(self, store: &Store) -> Option<DetachedMemory> {
        let mut memories = store.memories.borrow_mut();
        let handle = memories.known(self.0)?;
        // SAFETY: instances keep their contexts until the store is dropped.
        Some(store.with_objects(|objects| unsafe { DetachedMemory::new(memories.remove(objects, handle)) }))
    }
}

/// The objects that the host owns and whose object index `which` accepts.
fn hosts<T>(arena: &ObjectIndex<T>, which: impl Fn(usize) -> bool) -> Vec<InternalStoreHandle<T>> {
    let all = arena.all().filter(|(handle, owner)| *owner == Owner::Host && which(index_of(*handle)));
    all.map(|(handle, _)| handle).collect()
}
