//! Collections of a store: their policy, their steps, and their statistics.

use crate::engine::{Code, trim, trim_all};
use crate::napi::api::store::NativeStore;
use crate::napi::env::context::Context;
use crate::napi::env::external_memory::report_external_memory;
use crate::napi::env::throw::Exception;
use crate::napi::gc::handles::Kind;
use crate::store::{Batch, Instance, InstanceId, Marks, MemoryId, Node, Roots};
use napi::bindgen_prelude::Unknown;
use napi::sys;
use napi_derive::napi;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Weight of a new instance as a reason to collect; any other new object or edge weighs 1.
const INSTANCE: u32 = 64;

/// Least weight of changes that makes a collection due: that of 64 instances.
const LEAST: u32 = 64 * INSTANCE;

/// Least size of new memories and code that makes a collection due, in bytes.
const LEAST_BYTES: u64 = 256 << 20;

/// With at most this many instances, each `close` collects.
const FEW: usize = 64;

/// External memory reported to V8 per instance, without its linear memories and code, in bytes.
const OVERHEAD: u64 = 16 << 10;

/// The GC policy: when a collection is due, and the totals of past collections.
#[derive(Default)]
pub struct GcPolicy {
    /// Weight of changes that makes a collection due: that of the instances that the last one left
    limit: u32,
    /// Size of new memories and code that makes one due, in bytes: that of those that the last one left
    limit_bytes: u64,
    /// Size of memories and code made since the last collection, in bytes
    new_bytes: u64,
    /// Addresses of the code of instances made since the last collection, to count each code once
    codes: FxHashSet<usize>,
    /// Number of instances closed since the last collection
    closed: usize,
    /// Number of collections
    collections: u32,
    /// Their total duration
    time: Duration,
    /// External memory reported to V8, in bytes
    reported: i64,
}

/// Counts of what collections have freed.
#[napi(object, object_from_js = false)]
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeFreed {
    /// Instances
    pub instances: f64,
    /// Functions
    pub functions: f64,
    /// Memories
    pub memories: f64,
    /// Size of those memories in bytes
    pub memory_bytes: f64,
    /// Tables
    pub tables: f64,
    /// Globals
    pub globals: f64,
    /// Tags
    pub tags: f64,
    /// Externrefs
    pub externrefs: f64,
}

/// Counts of what a store holds, and totals of its collections.
#[napi(object, object_from_js = false)]
pub struct NativeStats {
    /// Instances
    pub instances: f64,
    /// Functions
    pub functions: f64,
    /// Memories
    pub memories: f64,
    /// Size of those memories in bytes
    pub memory_bytes: f64,
    /// Size of detached memories that stay mapped because native code may still use their buffers, in bytes
    pub retained_bytes: f64,
    /// Tables
    pub tables: f64,
    /// Globals
    pub globals: f64,
    /// Tags
    pub tags: f64,
    /// Size of the machine code that the instances run, in bytes
    pub code_bytes: f64,
    /// Externrefs
    pub externrefs: f64,
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
        let before = self.context.freed();
        self.context.collect().then(|| {
            trim_all();
            self.context.freed().since(before)
        })
    }

    /// Counts of the objects in the store, and totals of its collections.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> NativeStats {
        let counts = self.context.store.counts();
        let gc_policy = self.context.gc_policy.borrow();
        NativeStats {
            instances: counts.instances as f64,
            functions: counts.functions as f64,
            memories: counts.memories as f64,
            memory_bytes: counts.memory_bytes as f64,
            retained_bytes: self.context.buffers.retained_bytes() as f64,
            tables: counts.tables as f64,
            globals: counts.globals as f64,
            tags: counts.tags as f64,
            code_bytes: counts.code_bytes as f64,
            externrefs: self.context.references.used().into(),
            slots: self.context.slots.borrow().len() as f64,
            links: self.context.slots.borrow().linked() as f64,
            freed: self.context.freed(),
            collections: gc_policy.collections.into(),
            collection_time: gc_policy.time.as_secs_f64() * 1e3,
        }
    }

    /// Closes an instance for JavaScript. With `silent`, later uses of it do nothing instead of throwing. Returns the
    /// Memory objects that are dead now.
    #[napi(catch_unwind)]
    pub fn close_instance(&self, id: u32, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        let closed = self.context.close(id, silent).into_iter();
        closed.map(|(memory, length)| NativeClosedMemory::new(self.unknown(memory), length)).collect()
    }

    /// Closes the store with all its objects. With `silent`, later uses do nothing instead of throwing. Returns all
    /// Memory objects of the store.
    #[napi(catch_unwind)]
    pub fn close(&self, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        let context = &self.context;
        let memories = context.handles.all_of(Kind::Memory).into_iter();
        let closed = memories.map(|(id, memory)| {
            let id = MemoryId(id as u32);
            let length = if id.is_open(&context.store) { id.data(&context.store).1 } else { 0 };
            NativeClosedMemory::new(self.unknown(memory), length)
        });
        let closed = closed.collect();
        context.closed.set(true);
        context.silent.set(silent);
        context.store.instances().iter().for_each(|instance| drop(instance.close(&context.store, silent)));
        context.collect();
        closed
    }
}

impl<'a> NativeClosedMemory<'a> {
    fn new(memory: Unknown<'a>, length: usize) -> Self {
        Self { memory, byte_length: length as f64 }
    }
}

impl NativeFreed {
    fn since(self, before: Self) -> Self {
        Self {
            instances: self.instances - before.instances,
            functions: self.functions - before.functions,
            memories: self.memories - before.memories,
            memory_bytes: self.memory_bytes - before.memory_bytes,
            tables: self.tables - before.tables,
            globals: self.globals - before.globals,
            tags: self.tags - before.tags,
            externrefs: self.externrefs - before.externrefs,
        }
    }
}

impl Context {
    /// Totals of what has been freed so far.
    fn freed(&self) -> NativeFreed {
        let freed = self.store.freed();
        NativeFreed {
            instances: freed.instances as f64,
            functions: freed.functions as f64,
            memories: freed.memories as f64,
            memory_bytes: freed.memory_bytes as f64,
            tables: freed.tables as f64,
            globals: freed.globals as f64,
            tags: freed.tags as f64,
            externrefs: self.references.freed() as f64,
        }
    }

    /// Closes an instance for JavaScript. Returns the Memory objects that are dead now, with the length of each in bytes.
    fn close(&self, id: InstanceId, silent: bool) -> Vec<(sys::napi_value, usize)> {
        let hidden =
            Instance::find(&self.store, id).map(|instance| instance.close(&self.store, silent)).unwrap_or_default();
        if silent {
            self.handles.silence(Kind::Memory, hidden.memories.iter().map(|id| id.0));
            self.handles.silence(Kind::Table, hidden.tables.iter().map(|id| id.0));
            self.handles.silence(Kind::Global, hidden.globals.iter().map(|id| id.0));
        }
        let memories = hidden.memories.iter().filter_map(|memory| {
            let object = self.handles.find(Kind::Memory, memory.0.into())?;
            Some((object, memory.data(&self.store).1))
        });
        let memories = memories.collect();
        let closed = {
            let mut gc_policy = self.gc_policy.borrow_mut();
            gc_policy.closed += 1;
            gc_policy.closed
        };
        // A collection visits all instances, so it waits until at least one in 16 of them was closed.
        let all = self.store.len();
        if all <= FEW || closed * 16 >= all {
            self.collect();
        }
        memories
    }

    /// Counts a new instance, and reports it to V8. `bytes` is the size of its own memories.
    pub fn note_instance(&self, bytes: u64, code: &Arc<Code>) {
        let is_new = self.gc_policy.borrow_mut().codes.insert(Arc::as_ptr(code) as usize);
        let bytes = bytes + if is_new { code.size as u64 } else { 0 };
        self.retainers.note_change(INSTANCE);
        self.gc_policy.borrow_mut().new_bytes += bytes;
        self.report((bytes + OVERHEAD) as i64);
    }

    /// Counts a new memory or a memory's growth, of `bytes`, and reports it to V8.
    pub fn note_memory(&self, bytes: u64) {
        self.gc_policy.borrow_mut().new_bytes += bytes;
        self.report(bytes as i64);
    }

    /// Reports a change of external memory to V8, in bytes.
    fn report(&self, change: i64) {
        self.gc_policy.borrow_mut().reported += change;
        report_external_memory(self.env, change);
    }

    /// Collects if it is due. To be called before a new object is made, since that has no handle at first.
    pub fn collect_if_due(&self) {
        let due = {
            let gc_policy = self.gc_policy.borrow();
            self.retainers.changes() >= gc_policy.limit.max(LEAST)
                || gc_policy.new_bytes >= gc_policy.limit_bytes.max(LEAST_BYTES)
        };
        if due {
            self.collect();
        }
    }

    /// Reports memory pressure so that V8 collects all it can, then collects. For when an allocation has failed.
    #[cold]
    pub fn collect_all(&self) {
        let pressure = 1_i64 << 40;
        for change in [pressure, -pressure] {
            // Without headroom neither is reported: V8 could not finish the collection.
            report_external_memory(self.env, change);
        }
        self.collect();
    }

    /// Frees all that is unreached. If wasm is on the stack, defers that and returns false.
    pub fn collect(&self) -> bool {
        self.wanted.set(self.depth.get() > 0);
        if self.depth.get() > 0 {
            return false;
        }
        if self.closed.get() {
            Batch::end_all(&self.store);
        }
        let start = Instant::now();
        let mut scope = ptr::null_mut();
        // SAFETY: the scope is closed below, and no handle made in between is used after that.
        unsafe { sys::napi_open_handle_scope(self.env, &mut scope) };
        self.forget_exceptions();
        let roots = if self.closed.get() { Roots::default() } else { self.roots() };
        let restorable = if self.closed.get() { FxHashMap::default() } else { self.slots.borrow().restorable() };
        let mut marks = self.store.mark(&roots, &|table| restorable.get(&table).cloned().unwrap_or_default());
        self.mark_shared_memories(&mut marks);
        self.sync_edges(&marks);
        self.functions.borrow_mut().retain(|function, _| !marks.is_unreached(&self.store, *function));
        let mut swept = self.store.sweep(&marks);
        self.slots.borrow_mut().forget(&swept, |id| self.handles.has(Kind::Slot, id.into()));
        self.keep_remains(std::mem::take(&mut swept.memories));
        self.forget_shared();
        self.sweep_references();
        // SAFETY: the scope was opened above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
        trim();
        self.update_policy(start);
        true
    }

    /// Collects after a call has ended. A pending exception is taken out meanwhile, since N-API refuses to write into
    /// objects while there is one.
    #[cold]
    pub fn collect_after_call(&self) {
        let mut pending = false;
        // SAFETY: plain N-API calls on the thread of the environment.
        let thrown = unsafe {
            sys::napi_is_exception_pending(self.env, &mut pending);
            pending.then(|| Exception::take(self.env))
        };
        self.collect();
        thrown.iter().for_each(Exception::throw);
    }

    /// Marks shared memories, whose bytes Node's own Memory object has. The store holds that object strongly only while
    /// a reached instance may use the bytes; otherwise the memory lives as long as JavaScript has it. It has no edges.
    fn mark_shared_memories(&self, marks: &mut Marks) {
        for (kind, id) in self.handles.live() {
            let id = MemoryId(id as u32);
            if kind != Kind::Memory || !id.is_open(&self.store) || !id.is_shared(&self.store) {
                continue;
            }
            let Some(node) = id.node(&self.store) else { continue };
            let base = id.data(&self.store).0;
            self.keep_shared(base, marks.has(node));
            if matches!(node, Node::Memory(_)) && !self.closed.get() && self.shared_memory_at(base).is_some() {
                marks.add(node);
            }
        }
    }

    fn update_policy(&self, start: Instant) {
        let counts = self.store.counts();
        let taken = counts.memory_bytes + counts.code_bytes + counts.instances * OVERHEAD;
        let reported = self.gc_policy.borrow().reported;
        self.report(taken as i64 - reported);
        let mut gc_policy = self.gc_policy.borrow_mut();
        gc_policy.limit = u32::try_from(counts.instances).unwrap_or(u32::MAX).saturating_mul(INSTANCE);
        gc_policy.limit_bytes = counts.memory_bytes + counts.code_bytes;
        (gc_policy.new_bytes, gc_policy.closed) = (0, 0);
        gc_policy.codes.clear();
        gc_policy.collections += 1;
        gc_policy.time += start.elapsed();
    }
}
