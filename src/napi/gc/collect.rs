//! When a store collects, and what is told of it.

use crate::engine::{Code, trim, trim_all};
use crate::napi::api::store::NativeStore;
use crate::napi::env::context::Context;
use crate::napi::env::throw::Exception;
use crate::napi::gc::handles::Kind;
use crate::store::{InstanceId, Marks, MemoryId, Node, Roots};
use napi::bindgen_prelude::Unknown;
use napi::sys;
use napi_derive::napi;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much of a reason to collect an instance is, where anything else that was made is 1.
const INSTANCE: u32 = 64;

/// The least that is worth a collection: 64 instances.
const LEAST: u32 = 64 * INSTANCE;

/// The bytes of new memories and code that are worth one.
const LEAST_BYTES: u64 = 256 << 20;

/// Of so few instances, each that is closed is worth a collection.
const FEW: usize = 64;

/// What V8 is told that an instance takes besides its memories, in bytes.
const OVERHEAD: u64 = 16 << 10;

/// When to collect, and what has come of it.
#[derive(Default)]
pub struct GcPolicy {
    /// The changes that are worth a collection: as many instances as were left the last time
    limit: u32,
    /// The bytes of new memories and code that are, in the same way
    limit_bytes: u64,
    /// The bytes of memories and code made since
    new_bytes: u64,
    /// The code of the instances made since, by its address
    codes: FxHashSet<usize>,
    /// Instances that were closed since
    closed: usize,
    collections: u32,
    time: Duration,
    /// The bytes that V8 knows of
    reported: i64,
}

/// What a collection has freed.
#[napi(object, object_from_js = false)]
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeFreed {
    /// Instances
    pub instances: f64,
    /// Functions
    pub functions: f64,
    /// Memories
    pub memories: f64,
    /// What was in them, in bytes
    pub memory_bytes: f64,
    /// Tables
    pub tables: f64,
    /// Globals
    pub globals: f64,
    /// Tags
    pub tags: f64,
    /// References to JavaScript's values
    pub externrefs: f64,
}

/// What there is in a store, and what has become of the rest.
#[napi(object, object_from_js = false)]
pub struct NativeStats {
    /// Instances
    pub instances: f64,
    /// Functions
    pub functions: f64,
    /// Memories
    pub memories: f64,
    /// What is in them, in bytes
    pub memory_bytes: f64,
    /// What is in memories that are gone, and whose bytes native code may still use through a buffer, in bytes
    pub retained_bytes: f64,
    /// Tables
    pub tables: f64,
    /// Globals
    pub globals: f64,
    /// Tags
    pub tags: f64,
    /// The machine code that the instances run, in bytes
    pub code_bytes: f64,
    /// References to JavaScript's values
    pub externrefs: f64,
    /// Slots that JavaScript holds, that are linked, or whose exports are linked elsewhere
    pub slots: f64,
    /// Slots in which links stand
    pub links: f64,
    /// All that was freed
    pub freed: NativeFreed,
    /// How many collections there were
    pub collections: f64,
    /// How long they took in all, in milliseconds
    pub collection_time: f64,
}

/// A Memory object that has ended.
#[napi(object, object_from_js = false)]
pub struct NativeClosedMemory<'a> {
    /// The object
    #[napi(ts_type = "object")]
    pub memory: Unknown<'a>,
    /// How many bytes the memory had
    pub byte_length: f64,
}

#[napi]
impl NativeStore {
    /// Frees what nothing reaches. Null where wasm is on the stack: then it happens as soon as none is.
    #[napi(catch_unwind)]
    pub fn collect(&self) -> Option<NativeFreed> {
        let before = self.context.freed();
        self.context.collect().then(|| {
            trim_all();
            self.context.freed().since(before)
        })
    }

    /// Counts what there is.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> NativeStats {
        let census = self.context.store.census();
        let gc_policy = self.context.gc_policy.borrow();
        NativeStats {
            instances: census.instances as f64,
            functions: census.functions as f64,
            memories: census.memories as f64,
            memory_bytes: census.memory_bytes as f64,
            retained_bytes: self.context.buffers.retained_bytes() as f64,
            tables: census.tables as f64,
            globals: census.globals as f64,
            tags: census.tags as f64,
            code_bytes: census.code_bytes as f64,
            externrefs: self.context.references.used().into(),
            slots: self.context.slots.borrow().len() as f64,
            links: self.context.slots.borrow().linked() as f64,
            freed: self.context.freed(),
            collections: gc_policy.collections.into(),
            collection_time: gc_policy.time.as_secs_f64() * 1e3,
        }
    }

    /// Ends an instance for JavaScript: `silent` says that what is used of it does nothing from then on, instead of throwing.
    /// Gives the Memory objects that have ended with it.
    #[napi(catch_unwind)]
    pub fn close_instance(&self, id: u32, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        let closed = self.context.close(id, silent).into_iter();
        closed.map(|(memory, length)| NativeClosedMemory::new(self.unknown(memory), length)).collect()
    }

    /// Ends the store, and all that is in it; `silent` is as above. Gives all its Memory objects.
    #[napi(catch_unwind)]
    pub fn close(&self, silent: bool) -> Vec<NativeClosedMemory<'_>> {
        let context = &self.context;
        let memories = context.handles.all_of(Kind::Memory).into_iter();
        let closed = memories.map(|(id, memory)| {
            let id = MemoryId(id as u32);
            let length = if context.store.has_memory(id) { context.store.memory_data(id).1 } else { 0 };
            NativeClosedMemory::new(self.unknown(memory), length)
        });
        let closed = closed.collect();
        context.closed.set(true);
        context.silent.set(silent);
        context.store.instance_ids().into_iter().for_each(|id| drop(context.store.close(id, silent)));
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
    /// What has been freed so far.
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

    /// Ends an instance for JavaScript. Gives the Memory objects that have ended, and how many bytes each memory has.
    fn close(&self, id: InstanceId, silent: bool) -> Vec<(sys::napi_value, usize)> {
        let hidden = self.store.close(id, silent);
        if silent {
            self.handles.silence(Kind::Memory, hidden.memories.iter().map(|id| id.0));
            self.handles.silence(Kind::Table, hidden.tables.iter().map(|id| id.0));
            self.handles.silence(Kind::Global, hidden.globals.iter().map(|id| id.0));
        }
        let memories = hidden.memories.iter().filter_map(|memory| {
            let object = self.handles.find(Kind::Memory, memory.0.into())?;
            Some((object, self.store.memory_data(*memory).1))
        });
        let memories = memories.collect();
        let closed = {
            let mut gc_policy = self.gc_policy.borrow_mut();
            gc_policy.closed += 1;
            gc_policy.closed
        };
        // Each collection looks at all instances, so it waits for some part of them.
        let all = self.store.len();
        if all <= FEW || closed * 16 >= all {
            self.collect();
        }
        memories
    }

    /// Notes a new instance, whose memories have so many bytes, to V8 as well.
    pub fn note_instance(&self, bytes: u64, code: &Arc<Code>) {
        let is_new = self.gc_policy.borrow_mut().codes.insert(Arc::as_ptr(code) as usize);
        let bytes = bytes + if is_new { code.size as u64 } else { 0 };
        self.retainers.note_change(INSTANCE);
        self.gc_policy.borrow_mut().new_bytes += bytes;
        self.report((bytes + OVERHEAD) as i64);
    }

    /// Notes a new memory.
    pub fn note_memory(&self, bytes: u64) {
        self.gc_policy.borrow_mut().new_bytes += bytes;
        self.report(bytes as i64);
    }

    /// Tells V8 of memory that it would free by collecting.
    fn report(&self, change: i64) {
        self.gc_policy.borrow_mut().reported += change;
        let mut total = 0;
        // SAFETY: a plain N-API call on the thread of the environment.
        unsafe { sys::napi_adjust_external_memory(self.env, change, &mut total) };
    }

    /// Collects if enough was made since the last time. To be called before more is made.
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

    /// Lets V8 collect all that it can, since there is no more room, and collects.
    #[cold]
    pub fn collect_all(&self) {
        let pressure = 1_i64 << 40;
        for change in [pressure, -pressure] {
            let mut total = 0;
            // SAFETY: as in `report`.
            unsafe { sys::napi_adjust_external_memory(self.env, change, &mut total) };
        }
        self.collect();
    }

    /// Frees what nothing reaches, unless wasm is on the stack. Says whether it did.
    pub fn collect(&self) -> bool {
        self.wanted.set(self.depth.get() > 0);
        if self.depth.get() > 0 {
            return false;
        }
        if self.closed.get() {
            self.store.end_batches();
        }
        let start = Instant::now();
        let mut scope = ptr::null_mut();
        // SAFETY: the scope is closed below; all that is made here is for the collection.
        unsafe { sys::napi_open_handle_scope(self.env, &mut scope) };
        self.forget_exceptions();
        let roots = if self.closed.get() { Roots::default() } else { self.roots() };
        let restorable = if self.closed.get() { FxHashMap::default() } else { self.slots.borrow().restorable() };
        let mut marks = self.store.mark(&roots, &|table| restorable.get(&table).cloned().unwrap_or_default());
        self.mark_shared_memories(&mut marks);
        self.sync_edges(&marks);
        self.functions.borrow_mut().retain(|function, _| !self.store.is_unreached(&marks, *function));
        let mut swept = self.store.sweep(&marks);
        self.slots.borrow_mut().forget(&swept, |id| self.handles.has(Kind::Slot, id.into()));
        self.keep_remains(std::mem::take(&mut swept.memories));
        self.forget_shared();
        self.sweep_references();
        // SAFETY: as above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
        trim();
        self.update_policy(start);
        true
    }

    /// Collects when a call has ended, perhaps with an exception that is pending: until that is taken out, N-API writes
    /// into no object.
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

    /// A shared memory is an object of Node's own, which only an instance that may use its bytes has us keep; else it
    /// lives as long as JavaScript has it. Nothing is reached through it.
    fn mark_shared_memories(&self, marks: &mut Marks) {
        for (kind, id) in self.handles.live() {
            let id = MemoryId(id as u32);
            if kind != Kind::Memory || !self.store.has_memory(id) || !self.store.memory_is_shared(id) {
                continue;
            }
            let Some(node) = self.store.node_of_memory(id) else { continue };
            let base = self.store.memory_data(id).0;
            self.keep_shared(base, marks.has(node));
            if matches!(node, Node::Memory(_)) && !self.closed.get() && self.shared_memory_at(base).is_some() {
                marks.add(node);
            }
        }
    }

    fn update_policy(&self, start: Instant) {
        let census = self.store.census();
        let taken = census.memory_bytes + census.code_bytes + census.instances * OVERHEAD;
        let reported = self.gc_policy.borrow().reported;
        self.report(taken as i64 - reported);
        let mut gc_policy = self.gc_policy.borrow_mut();
        gc_policy.limit = u32::try_from(census.instances).unwrap_or(u32::MAX).saturating_mul(INSTANCE);
        gc_policy.limit_bytes = census.memory_bytes + census.code_bytes;
        (gc_policy.new_bytes, gc_policy.closed) = (0, 0);
        gc_policy.codes.clear();
        gc_policy.collections += 1;
        gc_policy.time += start.elapsed();
    }
}
