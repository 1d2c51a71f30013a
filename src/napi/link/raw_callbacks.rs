//! Raw callbacks: the functions of a store that are called often, as plain N-API callbacks over its context. Calling a
//! method of a napi-rs class costs more than the work that these do.

use crate::error::{RefusedChange, Result};
use crate::link::{Allowed, Change, SlotId};
use crate::napi::api::native_store::NativeStore;
use crate::napi::api::objects;
use crate::napi::call::scope::sweep_externrefs_if_many;
use crate::napi::context::Context;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::env::function::{CallInfo, Callback};
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::collect::collect_if_due;
use crate::napi::gc::undo_roots::PreviousValue;
use crate::napi::link::linking;
use crate::napi::link::record;
use crate::store::ExternRef;
use napi::bindgen_prelude::Unknown;
use napi::sys;
use napi_derive::napi;
use std::ffi::CStr;
use std::rc::Rc;

/// The implementation of a raw callback.
type RawCallback<const COUNT: usize> = for<'a> fn(&'a Rc<Context>, [Value<'a>; COUNT]) -> Result<Option<Value<'a>>>;

#[napi]
impl NativeStore {
    /// The raw callbacks, on an object. A link can be undone by its link record while its undo root is alive.
    ///
    /// - `link(address, slot, allowed, id)` links a wasm function, with an id that no link has had. Returns the undo
    ///   root, and writes the record and the time, in milliseconds since 1970, to the link scratch: the `Float64Array` that is the object's property `linkScratch`.
    /// - `relink(record, allowed, id, unconverted)` makes the links that `record`, a `Float64Array`, requests: all or none,
    ///   with ids from `id` on. Writes the records of the links over it, and returns the undo root. `unconverted` are the
    ///   changes whose arguments `lib/` cannot convert, as JSON: then it checks the others, and throws the refusals of all.
    /// - `checkChanges(record, merged, unconverted)` is `relink` that only checks: it throws what `relink` would throw.
    /// - `rollback(records, positions, undo_roots)` undoes the links of several commits, the last one first: all or none. It
    ///   skips those that are undone or reset already, or whose slots are closed. `positions` has each link's index in its
    ///   undo root.
    /// - `undo(index, undo_root)` undoes the link in the link scratch, which has this index in the undo root. Notes in
    ///   the scratch that it is undone.
    /// - `undoAll(record, undo_root)` undoes all links of `record`, the last one first: all or none. Notes in the record
    ///   that they are undone.
    /// - `findFunction(value)` returns the address of a wasm function, of any store; 0 for any other value.
    /// - `readExternref(number)` returns the value of an externref, and `reserveExternrefs(count, quota)` makes numbers free for
    ///   new ones: both for `lib/internal/externrefs.js`, which converts other externrefs itself. `chargeExternref(number,
    ///   quota)` counts one for the instance whose quota of externrefs has this key.
    /// - `readEntry(table, index)`, `writeEntry(table, index, value)` and `readGlobal(global)` are the work of `tableGet`,
    ///   `tableSet` and `globalGet`.
    #[napi(catch_unwind, ts_return_type = "any")]
    pub fn raw_callbacks(&self) -> Unknown<'_> {
        let context = &self.context;
        let env = context.js();
        let object = env.object();
        let callbacks: [(&CStr, Callback); 13] = [
            (c"link", call::<4, MakeLink>),
            (c"relink", call::<4, RelinkCallback>),
            (c"checkChanges", call::<3, CheckChanges>),
            (c"rollback", call::<3, Rollback>),
            (c"undo", call::<2, Undo>),
            (c"undoAll", call::<2, UndoAll>),
            (c"findFunction", call::<1, FindFunction>),
            (c"readEntry", call::<2, ReadEntry>),
            (c"writeEntry", call::<3, WriteEntry>),
            (c"readGlobal", call::<1, ReadGlobal>),
            (c"readExternref", call::<1, ReadExternref>),
            (c"reserveExternrefs", call::<2, ReserveExternrefs>),
            (c"chargeExternref", call::<2, ChargeExternref>),
        ];
        for (name, callback) in callbacks {
            let data = Rc::as_ptr(context).cast_mut().cast();
            // SAFETY: the function holds the context, which is the data of `call`.
            let function = unsafe { env.function(name.to_str().unwrap_or_default(), callback, data) };
            env.hold_with(function, context.clone());
            env.set_property(object, name, function);
        }
        env.set_property(object, c"linkScratch", context.link_scratch.array(env));
        env.to_unknown(object)
    }
}

/// A raw callback, as a type: `call` needs it as a type parameter.
trait CallbackBody<const COUNT: usize> {
    const RUN: RawCallback<COUNT>;
}

struct MakeLink;
struct RelinkCallback;
struct CheckChanges;
struct Rollback;
struct Undo;
struct UndoAll;
struct FindFunction;
struct ReadEntry;
struct WriteEntry;
struct ReadGlobal;
struct ReadExternref;
struct ReserveExternrefs;
struct ChargeExternref;

impl CallbackBody<4> for MakeLink {
    const RUN: RawCallback<4> = link;
}
impl CallbackBody<4> for RelinkCallback {
    const RUN: RawCallback<4> = relink;
}
impl CallbackBody<3> for CheckChanges {
    const RUN: RawCallback<3> = check_changes;
}
impl CallbackBody<3> for Rollback {
    const RUN: RawCallback<3> = rollback;
}
impl CallbackBody<2> for Undo {
    const RUN: RawCallback<2> = undo;
}
impl CallbackBody<2> for UndoAll {
    const RUN: RawCallback<2> = undo_all;
}
impl CallbackBody<1> for FindFunction {
    const RUN: RawCallback<1> = find_function;
}
impl CallbackBody<2> for ReadEntry {
    const RUN: RawCallback<2> = |context, [table, index]| {
        objects::table_get(context, integer(context.js(), table) as u32, integer(context.js(), index) as u32).map(Some)
    };
}
impl CallbackBody<3> for WriteEntry {
    const RUN: RawCallback<3> = |context, [table, index, value]| {
        let (table, index) = (integer(context.js(), table) as u32, integer(context.js(), index) as u32);
        objects::table_set(context, table, index, value).map(|()| None)
    };
}
impl CallbackBody<1> for ReadGlobal {
    const RUN: RawCallback<1> = |context, [global]| objects::global_get(context, integer(context.js(), global) as u32);
}
impl CallbackBody<1> for ReadExternref {
    const RUN: RawCallback<1> = |context, [number]| {
        let reference = ExternRef(integer(context.js(), number) as u32);
        Ok(Some(context.externrefs.read(context.js(), &context.retainers, reference)))
    };
}
impl CallbackBody<2> for ReserveExternrefs {
    const RUN: RawCallback<2> = |context, [count, key]| {
        let (env, count) = (context.js(), integer(context.js(), count) as u32);
        let quota = env.get_int64(key).and_then(|key| context.externrefs.charges.quota(key as usize));
        let reserve = || {
            sweep_externrefs_if_many(context);
            context.externrefs.reserve(env, count, &context.store.quota, quota.as_deref())
        };
        // At the limit, a sweep is due.
        reserve().or_else(|_| reserve()).map(|()| None)
    };
}

impl CallbackBody<2> for ChargeExternref {
    const RUN: RawCallback<2> = |context, [number, key]| {
        let (env, externrefs) = (context.js(), &context.externrefs);
        // A function of an instance that is gone throws anyway.
        let Some(quota) = externrefs.charges.quota(integer(env, key) as usize) else { return Ok(None) };
        externrefs.charge(&quota, ExternRef(integer(env, number) as u32)).map(|()| None)
    };
}

/// # Safety
/// N-API calls this, with a `Context` of an `Rc` as the data.
unsafe extern "C" fn call<const COUNT: usize, R: CallbackBody<COUNT>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let (arguments, data) = unsafe { CallInfo::new(env, info) }.arguments::<COUNT>();
    // SAFETY: by the contract of this function; the function that is being called holds the context. The extra count
    // keeps it for the whole call.
    let context = unsafe {
        let data = data.cast::<Context>().cast_const();
        Rc::increment_strong_count(data);
        Rc::from_raw(data)
    };
    context.environment.finish(|| R::RUN(&context, arguments))
}

fn link<'a>(context: &'a Rc<Context>, arguments: [Value<'a>; 4]) -> Result<Option<Value<'a>>> {
    let env = context.js();
    let [address, slot, allowed, id] = arguments;
    let slot = integer(env, slot) as SlotId;
    linking::open_slot(context, slot)?;
    collect_if_due(context);
    let implementation = linking::implementation(context, integer(env, address) as usize, slot)?;
    linking::add_slot_edge(context, slot, implementation);
    let (allowed, id) = (Allowed::from_bits(integer(env, allowed)), integer(env, id));
    let change = Change { position: 0, implementation, slot };
    let link = context.slots.borrow_mut().link(&context.store, &change, allowed, id)?;
    let (undo_root, id) =
        context.undo_roots.undo_root(env, &context.store, &context.retainers, &[(slot, link.previous)]);
    context.link_scratch.put(id, link, context.clock.now());
    Ok(Some(undo_root))
}

fn relink<'a>(context: &'a Rc<Context>, arguments: [Value<'a>; 4]) -> Result<Option<Value<'a>>> {
    let env = context.js();
    let [record, allowed, first, unconverted] = arguments;
    context.check_open()?;
    collect_if_due(context);
    let refused = env.get_string(unconverted).map_or(Ok(Vec::new()), |list| RefusedChange::from_json(&list))?;
    let requested = numbers(env, record, |record| record::requested(record));
    let (changes, refused) = linking::changes(context, &requested, refused);
    linking::add_slot_edges(context, changes.iter().map(|change| (change.slot, change.implementation)));
    let (allowed, first) = (Allowed::from_bits(integer(env, allowed)), integer(env, first));
    let links = context.slots.borrow_mut().relink(&context.store, &changes, allowed, refused, first)?;
    let previous: Vec<PreviousValue> = links.iter().map(|link| (link.slot, link.previous)).collect();
    let (undo_root, id) = context.undo_roots.undo_root(env, &context.store, &context.retainers, &previous);
    numbers(env, record, |record| record::write(record, id, links.iter().copied()));
    Ok(Some(undo_root))
}

fn check_changes<'a>(context: &'a Rc<Context>, arguments: [Value<'a>; 3]) -> Result<Option<Value<'a>>> {
    let env = context.js();
    let [record, allowed, unconverted] = arguments;
    context.check_open()?;
    let refused = env.get_string(unconverted).map_or(Ok(Vec::new()), |list| RefusedChange::from_json(&list))?;
    let requested = numbers(env, record, |record| record::requested(record));
    let (changes, refused) = linking::changes(context, &requested, refused);
    context.slots.borrow_mut().check_changes(
        &context.store,
        &changes,
        Allowed::from_bits(integer(env, allowed)),
        refused,
    )?;
    Ok(None)
}

fn rollback<'a>(context: &'a Rc<Context>, arguments: [Value<'a>; 3]) -> Result<Option<Value<'a>>> {
    let env = context.js();
    let [records, positions, _undo_roots] = arguments;
    let positions = numbers(env, positions, |positions| positions.to_vec());
    let mut links = numbers(env, records, |records| record::read_at(records, &positions, &context.undo_roots));
    links.retain(|link| context.slots.borrow().is_active(link));
    linking::undo(context, &links)?;
    Ok(None)
}

fn undo<'a>(context: &'a Rc<Context>, [index, _undo_root]: [Value<'a>; 2]) -> Result<Option<Value<'a>>> {
    let index = integer(context.js(), index) as usize;
    linking::undo(context, &record::read(&context.link_scratch.get(), &context.undo_roots, index))?;
    context.link_scratch.end();
    Ok(None)
}

fn undo_all<'a>(context: &'a Rc<Context>, [record, _undo_root]: [Value<'a>; 2]) -> Result<Option<Value<'a>>> {
    let links = numbers(context.js(), record, |record| record::read(record, &context.undo_roots, 0));
    linking::undo(context, &links)?;
    numbers(context.js(), record, record::end);
    Ok(None)
}

fn find_function<'a>(context: &'a Rc<Context>, [value]: [Value<'a>; 1]) -> Result<Option<Value<'a>>> {
    let env = context.js();
    let address = ExportedFunction::of(env, value).map_or(0, |function| function.address());
    Ok(Some(env.double(address as f64)))
}

/// Passes the numbers of a `Float64Array`, none for any other value, to `work`, which only reads and writes records.
fn numbers<T>(env: JsEnv<'_>, array: Value<'_>, work: impl FnOnce(&mut [f64]) -> T) -> T {
    // SAFETY: the functions of `record` run no JavaScript, and only they use the array meanwhile: `lib/` alone has it.
    unsafe { env.with_float64s(array, work) }
}

/// An argument as an integer; `lib/` passes numbers.
fn integer(env: JsEnv<'_>, value: Value<'_>) -> u64 {
    env.get_int64(value).unwrap_or_default().cast_unsigned()
}
