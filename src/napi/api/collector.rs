//! The collector's methods: collecting, statistics, and closing instances and stores.

use crate::engine::trim_all;
use crate::napi::api::native_store::NativeStore;
use crate::napi::call::parked::{end_abandoned, here};
use crate::napi::env::parked_calls::ParkedCalls;
use crate::napi::env::value::Value;
use crate::napi::gc::collect::collect;
use crate::napi::gc::wrappers::WrapperKind;
use crate::store::{Instance, MemoryId, ObjectCounts};
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

/// Defines an object for `lib/` that begins with the counts of the things in a store.
macro_rules! counts {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* pub $field:ident: $ty:ident,)* }) => {
        $(#[$attribute])*
        #[napi(object, object_from_js = false)]
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name {
            /// Number of instances
            pub instances: f64,
            /// Number of functions
            pub functions: f64,
            /// Number of memories
            pub memories: f64,
            /// Size of those memories in bytes
            pub memory_bytes: f64,
            /// Number of tables
            pub tables: f64,
            /// Number of globals
            pub globals: f64,
            /// Number of tags
            pub tags: f64,
            /// Number of externrefs
            pub externrefs: f64,
            $($(#[$doc])* pub $field: $ty,)*
        }

        impl $name {
            fn new(objects: ObjectCounts, externrefs: u64) -> Self {
                Self {
                    instances: objects.instances as f64,
                    functions: objects.functions as f64,
                    memories: objects.memories as f64,
                    memory_bytes: objects.memory_bytes as f64,
                    tables: objects.tables as f64,
                    globals: objects.globals as f64,
                    tags: objects.tags as f64,
                    externrefs: externrefs as f64,
                    $($field: $ty::default(),)*
                }
            }
        }
    };
}

counts! {
    /// Counts of what collections have freed.
    NativeFreed {}
}

counts! {
    /// Counts of what a store holds, and totals of its collections.
    NativeStats {
        /// Size of detached memories that stay mapped because native code may still use their buffers, in bytes
        pub retained_bytes: f64,
        /// Size of the machine code that the instances run, in bytes
        pub code_bytes: f64,
        /// Slots that JavaScript holds, that are linked, or whose exports are linked elsewhere
        pub slots: f64,
        /// Slots with active links
        pub links: f64,
        /// Totals of what was freed
        pub freed: NativeFreed,
        /// Number of collections
        pub collections: f64,
        /// Total duration of the collections, in milliseconds
        pub collection_time: f64,
    }
}

/// A Memory object that is dead since a close.
#[napi(object, object_from_js = false)]
pub struct NativeClosedMemory<'a> {
    /// The object
    #[napi(ts_type = "object")]
    pub memory: Unknown<'a>,
    /// Length of the memory in bytes
    pub byte_length: f64,
}

#[napi]
impl NativeStore {
    /// Collects, and returns what was freed. Null if wasm is on the stack: the collection then runs once none is.
    #[napi(catch_unwind)]
    pub fn collect(&self) -> Option<NativeFreed> {
        end_abandoned(&ParkedCalls::of_thread(), here());
        let freed = || (self.context.store.freed(), self.context.externrefs.freed());
        let (objects, externrefs) = freed();
        collect(&self.context).then(|| {
            trim_all();
            let (objects_now, externrefs_now) = freed();
            NativeFreed::new(objects_now - objects, externrefs_now - externrefs)
        })
    }

    /// Number of calls from JavaScript into wasm of the store that have not ended, those among them that wait for an import or
    /// that it has suspended.
    #[napi(catch_unwind)]
    pub fn active_calls(&self) -> u32 {
        end_abandoned(&ParkedCalls::of_thread(), here());
        self.context.depth.get() + self.context.store.suspended_calls()
    }

    /// Counts of the objects in the store, and totals of its collections.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> NativeStats {
        let context = &self.context;
        let (slots, collections) = (context.slots.borrow(), context.gc_policy.totals());
        NativeStats {
            retained_bytes: context.buffers.retained_bytes() as f64,
            code_bytes: context.store.code_bytes() as f64,
            slots: slots.len() as f64,
            links: slots.linked() as f64,
            freed: NativeFreed::new(context.store.freed(), context.externrefs.freed()),
            collections: collections.count.into(),
            collection_time: collections.time.as_secs_f64() * 1e3,
            ..NativeStats::new(context.store.counts(), context.externrefs.used().into())
        }
    }

    /// Closes an instance for JavaScript. With `silent`, later uses of it do nothing instead of throwing. Returns the
    /// Memory objects that are dead now.
    #[napi(catch_unwind)]
    pub fn close_instance(&self, id: u32, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        let (store, wrappers) = (&self.context.store, &self.context.wrappers);
        let hidden = Instance::find(store, id).map(|instance| instance.close(store, silent)).unwrap_or_default();
        if silent {
            wrappers.silence(WrapperKind::Memory, hidden.memories.iter().map(|id| id.0));
            wrappers.silence(WrapperKind::Table, hidden.tables.iter().map(|id| id.0));
            wrappers.silence(WrapperKind::Global, hidden.globals.iter().map(|id| id.0));
        }
        let memories = hidden.memories.iter().filter_map(|id| {
            let object = wrappers.find(self.js(), WrapperKind::Memory, id.0)?;
            Some(self.closed_memory(object, id.data(store).1))
        });
        let memories = memories.collect();
        if self.context.gc_policy.note_close(store) {
            collect(&self.context);
        }
        memories
    }

    /// Closes the store with all its objects. With `silent`, later uses do nothing instead of throwing. Returns all
    /// Memory objects of the store.
    #[napi(catch_unwind)]
    pub fn close(&self, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        end_abandoned(&ParkedCalls::of_thread(), here());
        let (context, store) = (&self.context, &self.context.store);
        let memories = context.wrappers.all_of(self.js(), WrapperKind::Memory).into_iter();
        let memories = memories.map(|(id, memory)| {
            let id = MemoryId(id);
            self.closed_memory(memory, if id.is_open(store) { id.data(store).1 } else { 0 })
        });
        let memories = memories.collect();
        context.closed.set(true);
        context.silent.set(silent);
        store.instances().iter().for_each(|instance| drop(instance.close(store, silent)));
        collect(context);
        memories
    }
}

impl NativeStore {
    fn closed_memory<'a>(&'a self, memory: Value<'a>, length: usize) -> NativeClosedMemory<'a> {
        NativeClosedMemory { memory: self.unknown(memory), byte_length: length as f64 }
    }
}
