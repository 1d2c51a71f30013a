//! Shadow stacks: the stacks that guests keep in their memories.
//!
//! A function moves its instance's stack pointer, a global, down when it begins and back up when it ends. A function
//! that is unwound does not end. So a failed call from the host sets the stack pointers to the values that they had
//! when it began.
//!
//! Only the called instance's pointer is read when a call begins. Between outermost calls, all others have their **resting
//! value**, which is known. Within a call they may not: then a failed call leaves them lower than they were, the outermost
//! call puts them back, and nested calls of this store read all pointers when they begin, from then on.

use crate::store::call::lowered_stack::Lowered;
use crate::store::call::own_stack::OwnStack;
use crate::store::call::stack_pointer::StackPointer;
use crate::store::trap::Failure;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer::sys::vm::VMGlobalDefinition;

/// The shadow stacks of a store.
#[derive(Default)]
pub(in crate::store) struct ShadowStacks {
    all: RefCell<Vec<ShadowStack>>,
    /// Number of calls from the host into wasm on the stack
    depth: Rc<Cell<u32>>,
    /// Whether nested calls read all pointers when they begin
    reads_all: Cell<bool>,
    /// Changes of pointers by nested calls since the outermost call began
    changed: Cell<Changed>,
    /// The stacks of functions that the last failed call unwound
    lowered: RefCell<Vec<Lowered>>,
    /// Free shadow stacks for calls that may be suspended
    free: RefCell<Vec<OwnStack>>,
    /// By the pointer of the called instance: the pointers of other instances in which its calls were suspended with frames
    kept_in: RefCell<FxHashMap<StackPointer, Vec<StackPointer>>>,
}

/// The stack that other calls use meanwhile, and the one that they have left to a suspended call.
#[derive(Clone, Copy)]
struct Moved {
    from: OwnStack,
    to: OwnStack,
}

/// A stack pointer that instances of the store use.
struct ShadowStack {
    pointer: StackPointer,
    /// Value while no wasm is on the stack
    resting: i32,
    /// Number of instances that use it
    users: u32,
    /// How often the memory in which it points was replaced
    replaced: u32,
    /// Set while a suspended call has the stack that the instances began with
    moved: Option<Moved>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Changed {
    #[default]
    No,
    /// The guest or the host has set one
    Set,
    /// A failed call has left one lower than it was
    Lowered,
}

/// A call from the host into wasm that has begun.
pub struct ShadowCall {
    pointer: StackPointer,
    /// Number of calls around it
    depth: u32,
    /// Value of the pointer when it began
    before: i32,
    /// Values of all pointers when it began, if they were read
    all: Option<Box<[(StackPointer, i32)]>>,
}

impl ShadowCall {
    /// Makes `end` put all pointers back to these values if the call fails.
    pub fn set_all(&mut self, values: Box<[(StackPointer, i32)]>) {
        self.all = Some(values);
    }
}

/// A call from the host into wasm, until it is dropped.
struct Depth<'a>(&'a Cell<u32>);

impl Drop for Depth<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl ShadowStacks {
    /// Runs a call from the host into wasm, into an instance with this pointer. A failed call leaves all pointers of the
    /// store as they were.
    ///
    /// # Errors
    /// The failure of `run`.
    ///
    /// # Safety
    /// No instance of the store is freed before this returns.
    #[inline]
    pub unsafe fn call<T>(
        &self,
        pointer: StackPointer,
        run: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // SAFETY: by the contract of this function.
        let call = unsafe { self.begin(pointer) };
        let nesting = Depth(&self.depth);
        let result = run();
        std::mem::forget(nesting);
        // SAFETY: by the contract of this function.
        unsafe { self.end(call, result.is_err()) };
        result
    }

    /// Begins a call, for `end`.
    ///
    /// # Safety
    /// No instance of the store is freed before `end`. Calls end in the reverse order of their beginnings.
    #[inline(always)]
    pub unsafe fn begin(&self, pointer: StackPointer) -> ShadowCall {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        // SAFETY: by the contract of this function, all instances are alive.
        let (before, all) = unsafe { (pointer.value(), (depth > 0 && self.reads_all.get()).then(|| self.read_all())) };
        ShadowCall { pointer, depth, before, all }
    }

    /// Ends a call, as `call` does.
    ///
    /// # Safety
    /// As for `begin`.
    #[inline(always)]
    pub unsafe fn end(&self, call: ShadowCall, has_failed: bool) {
        let ShadowCall { pointer, depth, before, all } = call;
        self.depth.set(depth);
        // SAFETY: by the contract of this function, all instances are alive.
        unsafe {
            if has_failed {
                self.restore(depth, pointer, before, all.as_deref().unwrap_or_default());
            } else if pointer.value() != before || (depth == 0 && self.changed.get() != Changed::No) {
                self.note_resting(depth, pointer, before);
            }
        }
    }

    /// The values of all pointers.
    ///
    /// # Safety
    /// All instances are alive.
    #[cold]
    pub unsafe fn read_all(&self) -> Box<[(StackPointer, i32)]> {
        // SAFETY: instances are alive by the contract of `call`.
        self.all.borrow().iter().map(|stack| (stack.pointer, unsafe { stack.pointer.value() })).collect()
    }

    /// Puts all pointers back after a failed call. `before` and `all` are the values when it began.
    #[cold]
    unsafe fn restore(&self, depth: u32, pointer: StackPointer, before: i32, all: &[(StackPointer, i32)]) {
        let mut lowered = self.lowered.borrow_mut();
        lowered.clear();
        for stack in self.all.borrow().iter() {
            // SAFETY: instances are alive by the contract of `call`.
            let lowest = unsafe { stack.pointer.value() };
            let read = all.iter().find(|(pointer, _)| *pointer == stack.pointer).map(|(_, value)| *value);
            let is_called = stack.pointer == pointer;
            let known = if is_called { Some(before) } else { read.or((depth == 0).then_some(stack.resting)) };
            match known {
                // SAFETY: as above.
                Some(value) => unsafe { stack.pointer.set(value) },
                None if lowest != stack.resting => {
                    self.reads_all.set(true);
                    self.changed.set(Changed::Lowered);
                }
                None => {}
            }
            let before = known.unwrap_or(stack.resting);
            if lowest.cast_unsigned() < before.cast_unsigned() {
                let innermost = Lowered { pointer: stack.pointer, lowest, before, is_dead: known.is_some() };
                // The called instance is the most likely one.
                let position = if is_called { 0 } else { lowered.len() };
                lowered.insert(position, innermost);
            }
        }
        drop(lowered);
        if depth == 0 {
            self.changed.set(Changed::No);
        }
    }

    /// Adds the stack of functions that the last failed call unwound: the most likely one.
    pub fn add_lowered(&self, stack: Lowered) {
        self.lowered.borrow_mut().insert(0, stack);
    }

    /// Takes the stacks of functions that the last failed call unwound.
    pub fn take_lowered(&self) -> Vec<Lowered> {
        self.lowered.take()
    }

    /// Notes resting values after a call that has returned.
    #[cold]
    unsafe fn note_resting(&self, depth: u32, pointer: StackPointer, before: i32) {
        if depth > 0 {
            if self.changed.get() == Changed::No {
                self.changed.set(Changed::Set);
            }
            return;
        }
        let changed = self.changed.take();
        // SAFETY: instances are alive by the contract of `call`.
        unsafe {
            if changed == Changed::Lowered {
                return self.restore(0, pointer, before, &[]);
            }
            for stack in self.all.borrow_mut().iter_mut() {
                if changed == Changed::Set || stack.pointer == pointer {
                    stack.resting = stack.pointer.value();
                }
            }
        }
    }

    /// Adds the pointer of a new instance.
    pub fn add(&self, pointer: StackPointer) {
        if !pointer.exists() {
            return;
        }
        let mut all = self.all.borrow_mut();
        match all.iter_mut().find(|stack| stack.pointer == pointer) {
            Some(stack) => stack.users += 1,
            None => {
                // SAFETY: the instance was just made.
                let resting = unsafe { pointer.value() };
                all.push(ShadowStack { pointer, resting, users: 1, replaced: 0, moved: None });
            }
        }
    }

    /// Removes the pointer of an instance that is about to be freed.
    pub fn remove(&self, pointer: StackPointer) {
        let mut all = self.all.borrow_mut();
        if let Some(index) = all.iter().position(|stack| stack.pointer == pointer) {
            all[index].users -= 1;
            if all[index].users == 0 {
                all.swap_remove(index);
                self.free.borrow_mut().retain(|stack| stack.pointer != pointer);
                let mut kept_in = self.kept_in.borrow_mut();
                kept_in.remove(&pointer);
                kept_in.values_mut().for_each(|others| others.retain(|other| *other != pointer));
            }
        }
    }

    /// The resting value of a pointer; none if no instance uses it.
    pub fn resting(&self, pointer: StackPointer) -> Option<i32> {
        self.all.borrow().iter().find(|stack| stack.pointer == pointer).map(|stack| stack.resting)
    }

    /// The upper end of the stack that the instances with this pointer began with; none if no instance uses it.
    pub fn first_end(&self, pointer: StackPointer) -> Option<i32> {
        let all = self.all.borrow();
        let stack = all.iter().find(|stack| stack.pointer == pointer)?;
        Some(stack.moved.map_or(stack.resting, |moved| moved.from.end))
    }

    /// Takes a free shadow stack of the instances with this pointer.
    pub fn take(&self, pointer: StackPointer) -> Option<OwnStack> {
        let mut free = self.free.borrow_mut();
        let index = free.iter().position(|stack| stack.pointer == pointer)?;
        Some(free.swap_remove(index))
    }

    /// The shadow stack with this upper end, of the instances with this pointer.
    pub fn own(&self, pointer: StackPointer, end: i32) -> OwnStack {
        OwnStack { pointer, end, replaced: self.replaced(pointer).unwrap_or_default() }
    }

    /// Whether an instance still uses the pointer of a stack, and its memory.
    pub fn has(&self, stack: OwnStack) -> bool {
        self.replaced(stack.pointer) == Some(stack.replaced)
    }

    /// Leaves the stack that the instances of `to` use to a suspended call, which has frames on it: other calls use `to` from now
    /// on. Only between outermost calls, since those have noted the values of pointers.
    pub fn leave_to_suspended(&self, to: OwnStack) -> OwnStack {
        debug_assert_eq!(self.depth.get(), 0);
        let mut all = self.all.borrow_mut();
        let stack =
            all.iter_mut().find(|stack| stack.pointer == to.pointer).expect("the pointer of a stack is in the list");
        let left = OwnStack { pointer: to.pointer, end: stack.resting, replaced: stack.replaced };
        let from = stack.moved.map_or(left, |moved| moved.from);
        stack.moved = Some(Moved { from, to });
        stack.resting = to.end;
        // SAFETY: the instance is alive, since the list has its pointer.
        unsafe { to.pointer.set(to.end) };
        left
    }

    /// Gives a shadow stack back, if an instance still uses its pointer and memory.
    pub fn give_back(&self, stack: OwnStack) {
        if self.has(stack) {
            self.free.borrow_mut().push(stack);
            self.move_back(stack.pointer);
        }
    }

    /// Lets calls use the stack that the instances began with, if no call has frames on that or on the present one.
    fn move_back(&self, pointer: StackPointer) {
        let mut all = self.all.borrow_mut();
        let Some(stack) = all.iter_mut().find(|stack| stack.pointer == pointer) else { return };
        let Some(Moved { from, to }) = stack.moved else { return };
        // SAFETY: the instance is alive, since the list has its pointer.
        let rests = self.depth.get() == 0 && stack.resting == to.end && unsafe { pointer.value() } == to.end;
        let mut free = self.free.borrow_mut();
        let index = free.iter().position(|each| each.pointer == pointer && each.end == from.end).filter(|_| rests);
        let Some(index) = index else { return };
        free[index] = to;
        stack.moved = None;
        stack.resting = from.end;
        // SAFETY: as above.
        unsafe { pointer.set(from.end) };
    }

    /// Notes that the memory of an instance with this pointer was replaced: the shadow stacks of calls are no longer there.
    pub fn note_replaced(&self, pointer: StackPointer) {
        for stack in self.all.borrow_mut().iter_mut().filter(|all| all.pointer == pointer) {
            stack.replaced += 1;
            stack.moved = None;
        }
        self.free.borrow_mut().retain(|stack| stack.pointer != pointer);
    }

    /// Notes that a call of an instance with the pointer `called` was suspended with frames in one with the pointer `other`.
    pub fn note_kept(&self, called: StackPointer, other: StackPointer) {
        let mut kept_in = self.kept_in.borrow_mut();
        let others = kept_in.entry(called).or_default();
        if !others.contains(&other) {
            others.push(other);
        }
    }

    /// The pointers that were noted for calls of an instance with this pointer.
    pub fn kept_in(&self, called: StackPointer) -> Vec<StackPointer> {
        self.kept_in.borrow().get(&called).cloned().unwrap_or_default()
    }

    fn replaced(&self, pointer: StackPointer) -> Option<u32> {
        self.all.borrow().iter().find(|stack| stack.pointer == pointer).map(|stack| stack.replaced)
    }

    /// Number of calls from the host into wasm on the stack.
    pub fn depth(&self) -> &Rc<Cell<u32>> {
        &self.depth
    }

    /// Notes that the host has set a global.
    pub fn note_set(&self, global: NonNull<VMGlobalDefinition>) {
        let mut all = self.all.borrow_mut();
        let Some(stack) = all.iter_mut().find(|stack| stack.pointer.is(global)) else { return };
        if self.depth.get() > 0 {
            self.changed.set(if self.changed.get() == Changed::No { Changed::Set } else { self.changed.get() });
        } else {
            // SAFETY: the host has just set it.
            stack.resting = unsafe { stack.pointer.value() };
        }
    }
}
