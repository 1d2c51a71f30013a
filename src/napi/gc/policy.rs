//! The GC policy of a store: when a collection is due, and how much external memory is reported to V8.

use crate::engine::{Code, Quota, Resource};
use crate::napi::env::external_memory::report_change;
use crate::napi::env::value::JsEnv;
use crate::napi::gc::pace::Pace;
use crate::napi::gc::retainers::Retainers;
use crate::store::Store;
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Weight of a new instance as a reason to collect; any other new object or edge weighs 1.
const INSTANCE: u32 = 64;

/// Least weight of changes that makes a collection due: the weight of 64 instances.
const LEAST: u32 = 64 * INSTANCE;

/// Least size of new memories and code that makes a collection due, in bytes.
const LEAST_BYTES: u64 = 256 << 20;

/// With at most this many instances, each `close` collects.
const FEW: usize = 64;

/// External memory reported to V8 per instance, without its linear memories and code, in bytes.
const OVERHEAD: u64 = 16 << 10;

/// The resources of which a collection gives back what is garbage. It is due once `1 / SHARE` of the limit is new.
const COLLECTED: [Resource; 3] = [Resource::MemorySize, Resource::TableElements, Resource::Instances];

/// See `COLLECTED`.
const SHARE: u64 = 4;

/// The GC policy of a store.
#[derive(Default)]
pub struct GcPolicy {
    state: RefCell<PolicyState>,
    /// The pace of collections before a refusal at a limit
    pub pace: Pace,
    /// The pace of those that make V8 collect all it can
    pub pace_of_all: Pace,
}

#[derive(Default)]
struct PolicyState {
    /// Weight of changes that makes a collection due: the weight of the instances that the last collection left
    limit: u32,
    /// Size of new memories and code that makes a collection due, in bytes: the size that the last collection left
    limit_bytes: u64,
    /// Size of memories and code made since the last collection, in bytes
    new_bytes: u64,
    /// Addresses of the code of instances made since the last collection, to count each code once
    codes: FxHashSet<usize>,
    /// Number of instances closed since the last collection
    closed: usize,
    /// External memory reported to V8, in bytes
    reported: i64,
    /// Amounts of `COLLECTED` that the last collection left
    left: [u64; COLLECTED.len()],
    totals: CollectionTotals,
}

/// Totals of past collections.
#[derive(Debug, Clone, Copy, Default)]
pub struct CollectionTotals {
    /// Number of collections
    pub count: u32,
    /// Their total duration
    pub time: Duration,
}

impl GcPolicy {
    /// Counts a new instance, and reports it to V8. `bytes` is the size of its own memories.
    pub fn note_instance(&self, env: JsEnv<'_>, retainers: &Retainers, bytes: u64, code: &Arc<Code>) {
        let is_new = self.state.borrow_mut().codes.insert(Arc::as_ptr(code) as usize);
        let bytes = bytes + if is_new { code.size as u64 } else { 0 };
        retainers.note_change(INSTANCE);
        self.state.borrow_mut().new_bytes += bytes;
        self.report(env, (bytes + OVERHEAD) as i64);
    }

    /// Counts a new memory or a memory's growth, of `bytes`, and reports it to V8.
    pub fn note_memory(&self, env: JsEnv<'_>, bytes: u64) {
        self.state.borrow_mut().new_bytes += bytes;
        self.report(env, bytes as i64);
    }

    /// Counts a closed instance of a store. Returns whether a collection is due: it visits all instances, so it waits
    /// until at least one in 16 of them was closed.
    pub fn note_close(&self, store: &Store) -> bool {
        let mut state = self.state.borrow_mut();
        state.closed += 1;
        store.len() <= FEW || state.closed * 16 >= store.len()
    }

    /// Whether a collection is due.
    pub fn is_due(&self, retainers: &Retainers, quota: &Quota) -> bool {
        let state = self.state.borrow();
        let nears_limit = |(resource, before): (Resource, u64)| {
            quota.used(resource).saturating_sub(before) >= (quota.limit(resource) / SHARE).max(1)
        };
        retainers.changes() >= state.limit.max(LEAST)
            || state.new_bytes >= state.limit_bytes.max(LEAST_BYTES)
            || COLLECTED.into_iter().zip(state.left).any(nears_limit)
    }

    /// Counts a collection that began at `start`, and adapts the limits to what it left.
    pub fn note_collection(&self, env: JsEnv<'_>, store: &Store, start: Instant) {
        let (counts, code_bytes) = (store.counts(), store.code_bytes());
        let size = counts.memory_bytes + code_bytes + counts.instances * OVERHEAD;
        let reported = self.state.borrow().reported;
        self.report(env, size as i64 - reported);
        let mut state = self.state.borrow_mut();
        state.limit = u32::try_from(counts.instances).unwrap_or(u32::MAX).saturating_mul(INSTANCE);
        state.limit_bytes = counts.memory_bytes + code_bytes;
        (state.new_bytes, state.closed) = (0, 0);
        state.codes.clear();
        state.left = COLLECTED.map(|resource| store.quota.used(resource));
        state.totals.count += 1;
        state.totals.time += start.elapsed();
    }

    /// Totals of past collections.
    pub fn totals(&self) -> CollectionTotals {
        self.state.borrow().totals
    }

    /// Reports a change of external memory to V8, in bytes.
    fn report(&self, env: JsEnv<'_>, change: i64) {
        self.state.borrow_mut().reported += change;
        report_change(env, change);
    }
}
