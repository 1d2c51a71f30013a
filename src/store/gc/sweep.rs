//! Sweeping: freeing the nodes that marking has not reached.

use crate::store::gc::removal::{DetachedMemory, bytes_of};
use crate::store::instance::entity::Objects;
use crate::store::object::index::{ObjectIndex, Owner, index_of};
use crate::store::{GlobalId, InstanceId, Marks, MemoryId, Node, Store, TableId};
use rustc_hash::FxHashSet;
use wasmer::sys::vm::InternalStoreHandle;

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
    /// Frees all nodes that were not reached. No wasm may be on the stack. Since `mark`, no object may have been made
    /// and no wasm may have run.
    pub fn sweep(&self, marks: &Marks) -> Swept {
        self.bridges.borrow_mut().forget(|function| marks.is_unreached(self, function));
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
            instance.open_flag().close(false);
            freed.instances += u64::from(instance.is_users());
            freed.functions += instance.function_count();
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
        freed.memory_bytes += bytes_of(self, dead.places.memories.iter().copied());
        freed.tables += dead.places.tables.len() as u64;
        freed.globals += dead.places.globals.len() as u64;
        freed.tags += dead.tags.len() as u64;
        self.freed.set(freed);
        // Objects go before the instances whose contexts contain their definitions.
        swept.memories = dead.remove(self);
        self.by_context.borrow_mut().retain(|_, owner| !swept.instances.contains(&owner.instance.id));
        // Other holders of such an instance check its open flag before use, so its context can be freed now.
        instances.iter().for_each(|instance| {
            instance.set_tier_up(None);
            drop(instance.vm.take());
        });
        swept
    }
}

/// The objects that the host owns and whose object index `which` accepts.
fn hosts<T>(index: &ObjectIndex<T>, which: impl Fn(usize) -> bool) -> Vec<InternalStoreHandle<T>> {
    let all = index.all().filter(|(handle, owner)| *owner == Owner::Host && which(index_of(*handle)));
    all.map(|(handle, _)| handle).collect()
}
