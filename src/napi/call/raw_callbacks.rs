//! Direct functions: the store functions that are called often, as plain N-API callbacks over its context. Calling a
//! method of a napi-rs class costs more than the work that these do.

use crate::error::{ErrorKind, RefusedChange, Result, Subject};
use crate::link::{Change, Link, SlotId};
use crate::napi::api::store::NativeStore;
use crate::napi::call::function::{ExportedFunction, exported, exported_at};
use crate::napi::env::context::Context;
use crate::napi::env::throw::panicked;
use crate::napi::gc::handles::Kind;
use crate::napi::gc::undo_roots::PreviousValue;
use crate::napi::link::record::{self, Requested};
use crate::store::FuncRef;
use napi::bindgen_prelude::Unknown;
use napi::sys;
use napi_derive::napi;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// The implementation of a direct function.
type Direct<const COUNT: usize> = fn(&Rc<Context>, [sys::napi_value; COUNT]) -> Result<sys::napi_value>;

#[napi]
impl NativeStore {
    /// The direct functions, on an object. A link can be undone by its link record while its undo root is alive.
    ///
    /// - `link(address, slot, merged, id)` links a wasm function, with an id that no link has had. Returns the undo
    ///   root, and writes the record to the link scratch: the `Float64Array` that is the object's property `linkScratch`.
    /// - `relink(record, merged, id, refusals)` makes the links that `record`, a `Float64Array`, requests: all or none,
    ///   with ids from `id` on. Writes the records of the links over it, and returns the undo root. `refusals` are the
    ///   changes that `lib/` has refused, as JSON: then it checks the others, and throws the refusals of all.
    /// - `undo(index, undo_root)` undoes the link in the link scratch, which has this index in the undo root. Notes in
    ///   the scratch that it is undone.
    /// - `undoAll(record, undo_root)` undoes all links of `record`, the last one first: all or none. Notes in the record
    ///   that they are undone.
    /// - `findFunction(value)` returns the address of a wasm function, of any store; 0 for any other value.
    #[napi(catch_unwind, ts_return_type = "any")]
    pub fn direct(&self) -> Unknown<'_> {
        let env = self.context.env;
        let mut object = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe { sys::napi_create_object(env, &mut object) };
        let functions: [(&CStr, sys::napi_callback); 5] = [
            (c"link", Some(call::<4, MakeLink>)),
            (c"relink", Some(call::<4, Relink>)),
            (c"undo", Some(call::<2, Undo>)),
            (c"undoAll", Some(call::<2, UndoAll>)),
            (c"findFunction", Some(call::<1, FindFunction>)),
        ];
        for (name, callback) in functions {
            let data = Rc::into_raw(self.context.clone()).cast_mut().cast::<c_void>();
            let (mut function, length) = (ptr::null_mut(), name.count_bytes() as isize);
            // SAFETY: plain N-API calls on this thread. `release` drops `data` after V8 has collected the function.
            unsafe {
                sys::napi_create_function(env, name.as_ptr(), length, callback, data, &mut function);
                sys::napi_add_finalizer(env, function, data, Some(release), ptr::null_mut(), ptr::null_mut());
                sys::napi_set_named_property(env, object, name.as_ptr(), function);
            }
        }
        let link_scratch = self.context.link_scratch.array(env);
        // SAFETY: a plain N-API call on the thread of the environment.
        unsafe { sys::napi_set_named_property(env, object, c"linkScratch".as_ptr(), link_scratch) };
        self.unknown(object)
    }
}

/// A direct function, as a type: `call` needs it as a type parameter.
trait Run<const COUNT: usize> {
    const RUN: Direct<COUNT>;
}

struct MakeLink;
struct Relink;
struct Undo;
struct UndoAll;
struct FindFunction;

impl Run<4> for MakeLink {
    const RUN: Direct<4> = link;
}
impl Run<4> for Relink {
    const RUN: Direct<4> = Context::relink;
}
impl Run<2> for Undo {
    const RUN: Direct<2> = undo;
}
impl Run<2> for UndoAll {
    const RUN: Direct<2> = undo_all;
}
impl Run<1> for FindFunction {
    const RUN: Direct<1> = find_function;
}

/// Finalizer of a direct function: drops its context.
unsafe extern "C" fn release(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `direct`, and N-API calls this once.
    drop(unsafe { Rc::from_raw(data.cast::<Context>().cast_const()) });
}

unsafe extern "C" fn call<const COUNT: usize, R: Run<COUNT>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); COUNT];
    let (mut count, mut data) = (COUNT, ptr::null_mut());
    // SAFETY: `data` is the context that `direct` gave to N-API, and N-API fills missing arguments with undefined. The
    // extra count keeps the context for the whole call.
    let context = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), &mut data);
        let data = data.cast::<Context>().cast_const();
        Rc::increment_strong_count(data);
        Rc::from_raw(data)
    };
    context.finish(|| R::RUN(&context, arguments))
}

fn link(context: &Rc<Context>, [address, slot, merged, id]: [sys::napi_value; 4]) -> Result<sys::napi_value> {
    let slot = context.number(slot) as SlotId;
    context.open_slot(slot)?;
    context.collect_if_due();
    let implementation = context.implementation(context.number(address) as usize, slot)?;
    context.lead_slot(slot, implementation);
    let (merged, id) = (context.truth(merged), context.number(id));
    let change = Change { position: 0, implementation, slot };
    let link = context.slots.borrow_mut().link(&context.store, &change, merged, id)?;
    let (undo_root, id) = context.undo_root(&[(slot, link.previous)]);
    context.link_scratch.put(id, link);
    Ok(undo_root)
}

fn undo(context: &Rc<Context>, [index, _undo_root]: [sys::napi_value; 2]) -> Result<sys::napi_value> {
    let index = context.number(index) as usize;
    context.undo(&record::read(&context.link_scratch.get(), &context.undo_roots, index))?;
    context.link_scratch.end();
    Ok(ptr::null_mut())
}

fn undo_all(context: &Rc<Context>, [record, _undo_root]: [sys::napi_value; 2]) -> Result<sys::napi_value> {
    let links = context.numbers(record, |record| record::read(record, &context.undo_roots, 0));
    context.undo(&links)?;
    context.numbers(record, record::end);
    Ok(ptr::null_mut())
}

fn find_function(context: &Rc<Context>, [value]: [sys::napi_value; 1]) -> Result<sys::napi_value> {
    let mut address = ptr::null_mut();
    // SAFETY: plain N-API calls. The value is an argument of this call, which keeps it alive.
    unsafe {
        let function = exported(context.env, value).map_or(0, ExportedFunction::address);
        sys::napi_create_double(context.env, function as f64, &mut address);
    }
    Ok(address)
}

impl Context {
    /// Runs a direct function, and throws its error or panic.
    pub fn finish(&self, run: impl FnOnce() -> Result<sys::napi_value>) -> sys::napi_value {
        let error = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => return value,
            Ok(Err(error)) => error,
            Err(panic) => panicked(&*panic),
        };
        self.throw(&error);
        ptr::null_mut()
    }

    fn relink(self: &Rc<Self>, [record, merged, first, refusals]: [sys::napi_value; 4]) -> Result<sys::napi_value> {
        self.check_open()?;
        self.collect_if_due();
        let refused = self.text(refusals).map_or(Ok(Vec::new()), |refusals| RefusedChange::from_json(&refusals))?;
        let requested = self.numbers(record, |record| record::requested(record));
        let (changes, refused) = self.changes(&requested, refused);
        self.lead_slots(changes.iter().map(|change| (change.slot, change.implementation)));
        let (merged, first) = (self.truth(merged), self.number(first));
        let links = self.slots.borrow_mut().relink(&self.store, &changes, merged, refused, first)?;
        let past: Vec<PreviousValue> = links.iter().map(|link| (link.slot, link.previous)).collect();
        let (undo_root, id) = self.undo_root(&past);
        self.numbers(record, |record| record::write(record, id, links.iter().copied()));
        Ok(undo_root)
    }

    /// An argument as text; none for a value that is no string.
    fn text(&self, value: sys::napi_value) -> Option<String> {
        let mut length = 0;
        // SAFETY: plain N-API calls; for a value that is no string the first one fails. The second one writes at most
        // `length` bytes and a NUL.
        unsafe {
            let status = sys::napi_get_value_string_utf8(self.env, value, ptr::null_mut(), 0, &mut length);
            if status != sys::Status::napi_ok {
                return None;
            }
            let mut text = vec![0; length + 1];
            sys::napi_get_value_string_utf8(self.env, value, text.as_mut_ptr().cast(), text.len(), &mut length);
            text.truncate(length);
            String::from_utf8(text).ok()
        }
    }

    /// Passes the numbers of a `Float64Array`, none for any other value, to `work`, which must not run JavaScript.
    fn numbers<T>(&self, array: sys::napi_value, work: impl FnOnce(&mut [f64]) -> T) -> T {
        let (mut kind, mut length, mut data) = (-1, 0, ptr::null_mut());
        // SAFETY: a plain N-API call; for a value that is no typed array it fails and leaves the variables unwritten.
        // The numbers stay at `data` until JavaScript runs, and `work`, which runs none, alone uses them until then.
        unsafe {
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(self.env, array, &mut kind, &mut length, &mut data, buffer, offset);
            if kind != sys::TypedarrayType::float64_array || length == 0 {
                return work(&mut []);
            }
            work(std::slice::from_raw_parts_mut(data.cast(), length))
        }
    }

    /// An argument as an integer.
    fn number(&self, value: sys::napi_value) -> u64 {
        let mut number = 0;
        // SAFETY: a plain N-API call; `lib/` passes numbers.
        unsafe { sys::napi_get_value_int64(self.env, value, &mut number) };
        number.cast_unsigned()
    }

    /// An argument as a boolean.
    fn truth(&self, value: sys::napi_value) -> bool {
        let mut truth = false;
        // SAFETY: a plain N-API call; `lib/` passes a boolean.
        unsafe { sys::napi_get_value_bool(self.env, value, &mut truth) };
        truth
    }

    /// The original of an open slot.
    ///
    /// # Errors
    /// `ClosedStore` or `Closed`.
    pub fn open_slot(&self, slot: SlotId) -> Result<FuncRef> {
        self.check_open()?;
        self.slots.borrow().open(slot).map(|slot| slot.original)
    }

    /// The function to be linked, by its address.
    ///
    /// # Errors
    /// `Closed` or `OtherStore`.
    fn implementation(&self, address: usize, slot: SlotId) -> Result<FuncRef> {
        let subject = || Subject::Implementation(self.slots.borrow().slot(slot).name.clone());
        // SAFETY: `lib/` keeps the function alive during the call.
        let function = unsafe { exported_at(address) }.ok_or_else(|| {
            let message = "internal error: there is no function at this address".to_owned();
            ErrorKind::Internal { message }
        })?;
        self.own(function, subject)
    }

    /// Adds the edge for a function that is about to be written into a slot.
    pub fn lead_slot(&self, slot: SlotId, function: FuncRef) {
        self.add_edge(self.node_of(Kind::Slot, slot), function);
    }

    /// Does the same for many. Consecutive ones often have the same table and function, and are skipped.
    fn lead_slots(&self, all: impl Iterator<Item = (SlotId, FuncRef)>) {
        let mut last = None;
        for (slot, function) in all {
            let home = self.slots.borrow().slot(slot).primary_entry.table;
            if last.replace((home, function)) != Some((home, function)) {
                self.lead_slot(slot, function);
            }
        }
    }

    /// Undoes links, the last one first: all or none.
    ///
    /// # Errors
    /// `ClosedStore`, and those of `Slots::undo`.
    fn undo(&self, links: &[Link]) -> Result<()> {
        self.check_open()?;
        self.lead_slots(links.iter().filter_map(|link| Some((link.slot, link.previous?))));
        self.slots.borrow_mut().undo(&self.store, links)
    }

    /// The changes for requested links, and the refused ones added to `refused`.
    fn changes(&self, requested: &[Requested], mut refused: Vec<RefusedChange>) -> (Vec<Change>, Vec<RefusedChange>) {
        let mut changes = Vec::with_capacity(requested.len());
        // Consecutive changes often have the same function.
        let mut last = None;
        for Requested { position, address, slot } in requested {
            let known = last.filter(|(last, _)| last == address).map(|(_, implementation)| Ok(implementation));
            match known.unwrap_or_else(|| self.implementation(*address, *slot)) {
                Ok(implementation) => {
                    last = Some((*address, implementation));
                    changes.push(Change { position: *position, implementation, slot: *slot });
                }
                Err(error) => {
                    refused.push(RefusedChange::new(*position, &self.slots.borrow().slot(*slot).name, &error));
                }
            }
        }
        (changes, refused)
    }
}
