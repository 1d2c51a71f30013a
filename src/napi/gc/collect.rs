//! Collections of a store: when one runs, and its steps.

use crate::engine::{Resource, trim};
use crate::napi::context::Context;
use crate::napi::env::deferred::COLLECTION;
use crate::napi::env::exception::ThrownValue;
use crate::napi::env::external_memory::report_change;
use crate::napi::gc::policy::GcPolicy;
use crate::napi::gc::wrappers::WrapperKind;
use crate::store::{Batch, GlobalId, Instance, Marks, MemoryId, Node, Roots, TableId, TagId};
use rustc_hash::FxHashMap;
use std::time::Instant;

/// Collects if it is due. To be called before a new object is made, since that has no wrapper at first.
pub fn collect_if_due(context: &Context) {
    if context.gc_policy.is_due(&context.retainers, &context.store.quota) {
        collect(context);
    }
}

/// Collects before something is refused, since another attempt may succeed then: all that V8 can, but `at_limit` not soon after
/// a collection that has made no room below limits. Returns whether it has collected.
#[cold]
pub fn collect_before_refusal(context: &Context, at_limit: bool) -> bool {
    let GcPolicy { pace_of_all, pace, .. } = &context.gc_policy;
    let (pace, collect): (_, fn(&Context)) = match (at_limit, pace_of_all.allows(), pace.allows()) {
        (false, ..) | (true, true, _) => (pace_of_all, collect_all),
        (true, false, true) => (pace, |context| _ = collect(context)),
        (true, false, false) => return false,
    };
    let used = || Resource::ALL.map(|resource| context.store.quota.used(resource));
    let (start, before) = (Instant::now(), used());
    collect(context);
    pace.note(start, used().into_iter().zip(before).any(|(now, before)| now < before));
    true
}

/// Reports memory pressure so that V8 collects all it can, then collects.
fn collect_all(context: &Context) {
    let pressure = 1_i64 << 40;
    for change in [pressure, -pressure] {
        // Without headroom neither is reported: V8 could not finish the collection.
        report_change(context.js(), change);
    }
    collect(context);
}

/// Frees all that is unreached. If wasm is on the stack, or V8 is ending the running JavaScript, defers that and returns
/// false.
pub fn collect(context: &Context) -> bool {
    let is_deferred = context.depth.get() > 0 || !context.js().can_use_objects();
    context.deferred.set(COLLECTION, is_deferred);
    if is_deferred {
        return false;
    }
    let Context { store, slots, .. } = context;
    let is_closed = context.closed.get();
    if is_closed {
        Batch::end_all(store);
    }
    let start = Instant::now();
    let scope = context.js().open_scope();
    let env = scope.env();
    context.exceptions.sweep(store);
    let roots = if is_closed { Roots::default() } else { roots(context) };
    let restorable = if is_closed { FxHashMap::default() } else { slots.borrow().restorable() };
    let mut marks = store.mark(&roots, &|table| restorable.get(&table).cloned().unwrap_or_default());
    mark_shared_memories(context, &mut marks);
    context.retainers.sync_edges(env, store, &marks);
    context.functions.retain(|function| !marks.is_unreached(store, function));
    let mut swept = store.sweep(&marks);
    let freed = swept.instances.len();
    slots.borrow_mut().forget(&swept, |id| context.wrappers.has(env, WrapperKind::Slot, id));
    context.buffers.retain_detached(env, std::mem::take(&mut swept.memories));
    context.shared_memories.forget_removed();
    context.externrefs.sweep(env, &context.environment, store, &context.retainers, &context.exceptions);
    drop(scope);
    trim();
    context.gc_policy.note_collection(context.js(), store, start);
    report(context, freed, start);
    true
}

/// Tells `lib/` of a collection, for those who listen. While the environment is torn down this fails, and nobody does.
fn report(context: &Context, instances: usize, start: Instant) {
    let scope = context.js().open_scope();
    let env = scope.env();
    let arguments = [env.uint32(instances as u32), env.double(start.elapsed().as_secs_f64() * 1e3)];
    if context.environment.call_after(|lib| &lib.collected, &arguments).is_err() && env.is_exception_pending() {
        drop(ThrownValue::take(env));
    }
}

/// Collects after a call has ended. A pending exception is taken out meanwhile, since N-API refuses to write into
/// objects while there is one.
#[cold]
pub fn collect_after_call(context: &Context) {
    let env = context.js();
    let thrown = env.is_exception_pending().then(|| ThrownValue::take(env));
    collect(context);
    thrown.iter().for_each(|exception| exception.throw(env));
}

/// The roots: the store objects that JavaScript holds.
fn roots(context: &Context) -> Roots {
    let (env, store, slots) = (context.js(), &context.store, context.slots.borrow());
    let mut roots = Roots::default();
    for (kind, id) in context.wrappers.live(env) {
        match kind {
            WrapperKind::Instance => roots
                .instances
                .extend(Some(id).filter(|id| Instance::find(store, *id).is_some_and(|instance| !instance.is_closed()))),
            // `mark_shared_memories` handles the shared ones.
            WrapperKind::Memory => {
                let id = MemoryId(id);
                roots.memories.extend(Some(id).filter(|id| id.is_open(store) && !id.is_shared(store)));
            }
            WrapperKind::Table => roots.tables.push(TableId(id)),
            WrapperKind::Global => roots.globals.push(GlobalId(id)),
            WrapperKind::Tag => roots.tags.push(TagId(id)),
            WrapperKind::Slot => {
                if let Ok(slot) = slots.open(id) {
                    roots.tables.push(slot.primary_entry.table);
                    roots.instances.extend(slot.instance.as_ref().map(|instance| instance.id));
                }
            }
        }
    }
    roots.functions = context.undo_roots.live(env, &slots);
    for function in context.functions.all() {
        let is_open = || function.context_owner(store).is_some_and(|owner| !owner.is_closed());
        if context.functions.find(env, function).is_some() && is_open() {
            roots.functions.push(function);
        }
    }
    roots
}

/// Marks shared memories. Node's own Memory object has the bytes of one. The store holds that object strongly only
/// while a reached instance may use the bytes; otherwise the memory lives as long as JavaScript holds the object. A
/// shared memory has no edges.
fn mark_shared_memories(context: &Context, marks: &mut Marks) {
    let (env, store) = (context.js(), &context.store);
    for (kind, id) in context.wrappers.live(env) {
        let id = MemoryId(id);
        if kind != WrapperKind::Memory || !id.is_open(store) || !id.is_shared(store) {
            continue;
        }
        let Some(node) = id.node(store) else { continue };
        let base = id.data(store).0;
        context.shared_memories.set_strong(base, marks.has(node));
        let is_held = || context.shared_memories.find(env, base).is_some();
        if matches!(node, Node::Memory(_)) && !context.closed.get() && is_held() {
            marks.add(node);
        }
    }
}
