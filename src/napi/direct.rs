//! The functions of a store that are called often: plain N-API functions over its context, since a method of a class that
//! napi-rs makes costs more than what these do.

use super::context::Context;
use super::function::exported;
use super::handles::Kind;
use super::store::NativeStore;
use super::throw::{Pending, panicked};
use crate::error::{Error, ErrorKind, Result, Subject};
use crate::link::{Change, LinkId, SlotId};
use crate::store::FuncRef;
use napi::bindgen_prelude::Unknown;
use napi::sys;
use napi_derive::napi;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// A refusal that is not thrown yet, or an exception that is.
enum Failed {
    Refused(Error),
    Pending,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Pending> for Failed {
    fn from(_: Pending) -> Self {
        Self::Pending
    }
}

/// Refusals, each with its position and the name of its slot.
type Refusals = Vec<(usize, String, Error)>;

/// What a direct function does with its arguments.
type Direct<const COUNT: usize> = fn(&Rc<Context>, [sys::napi_value; COUNT]) -> Result<sys::napi_value, Failed>;

#[napi]
impl NativeStore {
    /// The direct functions, on an object:
    ///
    /// - `link(implementation, slot, merged, id, changes)` links a wasm function, with an id that no link has had; as long
    ///   as `changes` is there, it may be undone. Gives the function that the slot held before, or null; undefined, and
    ///   does nothing, if `implementation` is no wasm function.
    /// - `relink(slots, merged, id, changes, ...implementations)` links many, or none, with ids from `id` on; `slots` is a
    ///   `Uint32Array`. Many implementations may be in one array instead. Gives a list of what the slots held before;
    ///   undefined, and does nothing, if some implementation is no wasm function.
    /// - `undo(id, slot)` takes a link back; `undoAll(id, slots)` takes many back, the last one first, all or none, with
    ///   ids from `id` on.
    /// - `isWasmFunction(value)` says whether a value is a wasm function, of whatever store.
    #[napi(catch_unwind, ts_return_type = "any")]
    pub fn direct(&self) -> Unknown<'_> {
        let env = self.context.env;
        let mut object = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe { sys::napi_create_object(env, &mut object) };
        let functions: [(&CStr, sys::napi_callback); 5] = [
            (c"link", Some(call::<5, Link>)),
            (c"relink", Some(relink)),
            (c"undo", Some(call::<2, Undo>)),
            (c"undoAll", Some(call::<2, UndoAll>)),
            (c"isWasmFunction", Some(call::<1, IsWasmFunction>)),
        ];
        for (name, callback) in functions {
            let data = Rc::into_raw(self.context.clone()).cast_mut().cast::<c_void>();
            let (mut function, length) = (ptr::null_mut(), name.count_bytes() as isize);
            // SAFETY: as above. The context is let go of when the function is gone.
            unsafe {
                sys::napi_create_function(env, name.as_ptr(), length, callback, data, &mut function);
                sys::napi_add_finalizer(env, function, data, Some(release), ptr::null_mut(), ptr::null_mut());
                sys::napi_set_named_property(env, object, name.as_ptr(), function);
            }
        }
        self.unknown(object)
    }
}

/// A direct function.
trait Run<const COUNT: usize> {
    const RUN: Direct<COUNT>;
}

struct Link;
struct Undo;
struct UndoAll;
struct IsWasmFunction;

impl Run<5> for Link {
    const RUN: Direct<5> = link;
}
impl Run<2> for Undo {
    const RUN: Direct<2> = undo;
}
impl Run<2> for UndoAll {
    const RUN: Direct<2> = undo_all;
}
impl Run<1> for IsWasmFunction {
    const RUN: Direct<1> = is_wasm_function;
}

/// Lets go of the context of a function that is gone.
unsafe extern "C" fn release(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `direct`, and N-API calls this once.
    drop(unsafe { Rc::from_raw(data.cast::<Context>().cast_const()) });
}

unsafe extern "C" fn call<const COUNT: usize, R: Run<COUNT>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); COUNT];
    // SAFETY: this is called with `info`, and fills what is missing.
    let (context, _) = unsafe { called(env, info, &mut arguments) };
    context.finish(|| R::RUN(&context, arguments))
}

/// The context of the function that is called, which is held for the whole call, and how many arguments there are.
///
/// # Safety
/// `info` is that of a call of a direct function.
unsafe fn called(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    arguments: &mut [sys::napi_value],
) -> (Rc<Context>, usize) {
    let (mut count, mut data) = (arguments.len(), ptr::null_mut());
    // SAFETY: N-API gives the function's own data, a context that the function holds.
    unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), &mut data);
        let data = data.cast::<Context>().cast_const();
        Rc::increment_strong_count(data);
        (Rc::from_raw(data), count)
    }
}

fn link(
    context: &Rc<Context>,
    [implementation, slot, merged, id, holder]: [sys::napi_value; 5],
) -> Result<sys::napi_value, Failed> {
    let slot = context.number(slot) as SlotId;
    context.open_slot(slot)?;
    context.collect_if_due();
    // SAFETY: the value is an argument of the call.
    let Some(function) = (unsafe { exported(context.env, implementation) }) else { return Ok(ptr::null_mut()) };
    let implementation = context.own(function, || context.implementation(slot))?;
    context.lead_slot(slot, implementation);
    let (merged, id) = (context.truth(merged), context.number(id));
    let change = Change { position: 0, implementation, slot };
    let previous = context.slots.borrow_mut().link(&context.store, &change, merged, id)?;
    context.hold_links(id, holder);
    Ok(context.function_or_null(previous))
}

/// Arguments of `relink` before the implementations.
const BEFORE: usize = 4;

unsafe extern "C" fn relink(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut arguments = vec![ptr::null_mut(); 256];
    // SAFETY: this is called with `info`.
    let (context, count) = unsafe { called(env, info, &mut arguments) };
    let rest = count.saturating_sub(arguments.len());
    arguments.resize(count, ptr::null_mut());
    if rest > 0 {
        // SAFETY: as above.
        drop(unsafe { called(env, info, &mut arguments) });
    }
    context.finish(|| context.relink(&arguments))
}

fn undo(context: &Rc<Context>, [id, slot]: [sys::napi_value; 2]) -> Result<sys::napi_value, Failed> {
    context.undo(&[(context.number(id), context.number(slot) as SlotId)])?;
    Ok(ptr::null_mut())
}

fn undo_all(context: &Rc<Context>, [first, slots]: [sys::napi_value; 2]) -> Result<sys::napi_value, Failed> {
    let links: Vec<_> = (context.number(first)..).zip(context.numbers(slots)).collect();
    context.undo(&links)?;
    Ok(ptr::null_mut())
}

fn is_wasm_function(context: &Rc<Context>, [value]: [sys::napi_value; 1]) -> Result<sys::napi_value, Failed> {
    let mut truth = ptr::null_mut();
    // SAFETY: plain N-API calls; the value is an argument of the call.
    unsafe { sys::napi_get_boolean(context.env, exported(context.env, value).is_some(), &mut truth) };
    Ok(truth)
}

impl Context {
    /// Runs a direct function, and throws what it refuses.
    fn finish(&self, run: impl FnOnce() -> Result<sys::napi_value, Failed>) -> sys::napi_value {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => return value,
            Ok(Err(Failed::Pending)) => {}
            Ok(Err(Failed::Refused(error))) => drop(self.throw(&error)),
            Err(panic) => drop(self.throw(&panicked(&*panic))),
        }
        ptr::null_mut()
    }

    fn relink(self: &Rc<Self>, arguments: &[sys::napi_value]) -> Result<sys::napi_value, Failed> {
        let Some((&[slots, merged, first, holder], implementations)) = arguments.split_first_chunk::<BEFORE>() else {
            let message = format!("expected {BEFORE} arguments and the implementations, got {}", arguments.len());
            return Err(Error::from(ErrorKind::ArgumentValue { message }).into());
        };
        self.check_open()?;
        self.collect_if_due();
        let slots = self.numbers(slots);
        let mut many = Vec::new();
        let implementations = match implementations {
            [array] if slots.len() > 1 => {
                many = (0..slots.len() as u32).map(|index| self.element(*array, index)).collect();
                &*many
            }
            each => each,
        };
        let Some((changes, refusals)) = self.changes(implementations, &slots) else { return Ok(ptr::null_mut()) };
        self.lead_slots(changes.iter().map(|change| (change.slot, change.implementation)));
        let (merged, first) = (self.truth(merged), self.number(first));
        // The borrow ends before functions are made for JavaScript, which may collect garbage.
        let all = self.slots.borrow_mut().relink(&self.store, &changes, merged, refusals, first)?;
        // Before anything is made that could start a collection.
        self.hold_links(first, holder);
        let values: Vec<_> = all.into_iter().map(|previous| self.function_or_null(previous)).collect();
        if many.is_empty() {
            return Ok(self.call_host_with(self.host.list.get(self.env), &values)?);
        }
        let mut list = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_create_array_with_length(self.env, values.len(), &mut list);
            for (index, value) in (0..).zip(values) {
                sys::napi_set_element(self.env, list, index, value);
            }
        }
        Ok(list)
    }

    /// Lets links be undone, that were made together, as long as `holder` is there.
    fn hold_links(&self, first: LinkId, holder: sys::napi_value) {
        // SAFETY: the object is an argument of the call.
        unsafe { self.handles.keep(self.env, Kind::Link, first, holder) };
        self.cells.note_change(1);
    }

    /// The numbers of a `Uint32Array`.
    fn numbers(&self, array: sys::napi_value) -> Vec<u32> {
        let (mut kind, mut length, mut data) = (-1, 0, ptr::null_mut());
        // SAFETY: a plain N-API call; what it says is there, is there until JavaScript runs.
        unsafe {
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(self.env, array, &mut kind, &mut length, &mut data, buffer, offset);
            if kind != sys::TypedarrayType::uint32_array || length == 0 {
                return Vec::new();
            }
            std::slice::from_raw_parts(data.cast::<u32>(), length).to_vec()
        }
    }

    /// The whole number that an argument is.
    fn number(&self, value: sys::napi_value) -> u64 {
        let mut number = 0;
        // SAFETY: a plain N-API call; `lib/` gives numbers.
        unsafe { sys::napi_get_value_int64(self.env, value, &mut number) };
        number.cast_unsigned()
    }

    fn truth(&self, value: sys::napi_value) -> bool {
        let mut truth = false;
        // SAFETY: a plain N-API call; `lib/` gives a boolean.
        unsafe { sys::napi_get_value_bool(self.env, value, &mut truth) };
        truth
    }

    /// The original of a slot that is not closed.
    ///
    /// # Errors
    /// `ClosedStore` or `Closed`.
    pub fn open_slot(&self, slot: SlotId) -> Result<FuncRef> {
        self.check_open()?;
        self.slots.borrow().open(slot).map(|slot| slot.original)
    }

    fn implementation(&self, slot: SlotId) -> Subject {
        Subject::Implementation(self.slots.borrow().slot(slot).name.clone())
    }

    /// Notes that a function goes into a slot.
    pub fn lead_slot(&self, slot: SlotId, function: FuncRef) {
        self.lead(self.node_of(Kind::Slot, slot), function);
    }

    /// The same for many, which often are one function for slots of one instance.
    fn lead_slots(&self, all: impl Iterator<Item = (SlotId, FuncRef)>) {
        let mut last = None;
        for (slot, function) in all {
            let home = self.slots.borrow().slot(slot).home.0;
            if last.replace((home, function)) != Some((home, function)) {
                self.lead_slot(slot, function);
            }
        }
    }

    /// Takes links back, the last one first, all or none, each with its slot.
    ///
    /// # Errors
    /// `ClosedStore`, and those of `Slots::undo`.
    pub fn undo(&self, links: &[(LinkId, SlotId)]) -> Result<()> {
        self.check_open()?;
        let previous: Vec<_> = {
            let slots = self.slots.borrow();
            let open = links.iter().filter(|(_, slot)| slots.open(*slot).is_ok());
            open.filter_map(|(link, slot)| Some((*slot, slots.previous_of(*link)?))).collect()
        };
        self.lead_slots(previous.into_iter());
        self.slots.borrow_mut().undo(&self.store, links)
    }

    /// The changes that are asked for, and what is no change; none if some implementation is no wasm function.
    pub fn changes(&self, implementations: &[sys::napi_value], slots: &[SlotId]) -> Option<(Vec<Change>, Refusals)> {
        let (mut changes, mut refusals) = (Vec::with_capacity(slots.len()), Vec::new());
        for (position, (value, slot)) in implementations.iter().zip(slots).enumerate() {
            // SAFETY: the value is an argument of the call, or of one.
            let function = unsafe { exported(self.env, *value) }?;
            match self.own(function, || self.implementation(*slot)) {
                Ok(implementation) => changes.push(Change { position, implementation, slot: *slot }),
                Err(error) => refusals.push((position, self.slots.borrow().slot(*slot).name.clone(), error)),
            }
        }
        Some((changes, refusals))
    }
}
