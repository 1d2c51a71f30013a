//! The shadow stacks of a call that may be suspended: one in each instance where it keeps frames.
//!
//! Frames cannot move, since pointers to them may lie anywhere. So a suspended call has the shadow stacks with its frames to
//! itself, and other calls use others. In the called instance, the call has a stack of its own from the beginning. It enters
//! other instances through links, which nothing sees. There, the first call that is suspended keeps the stack of the instance,
//! and other calls get a new one until that call ends. Later calls from the same instance get a stack of their own there before
//! they run. Within another call, whose frames may lie on the stack of any instance, a call gets one in each instance that it can
//! reach.

use crate::error::{Error, ErrorKind};
use crate::store::call::lowered_stack::Lowered;
use crate::store::call::own_stack::OwnStack;
use crate::store::call::stack_pointer::StackPointer;
use crate::store::trap::Failure;
use crate::store::{FuncRef, MemoryId, Node, Store};
use crate::wasm::PAGE_SIZE;
use std::cell::RefCell;

/// Largest size of such a stack, in bytes.
const LARGEST: u32 = 1 << 20;

/// The shadow stacks of a call.
pub(in crate::store) struct OwnStacks {
    function: FuncRef,
    /// The stack pointer of the called instance
    called: StackPointer,
    /// Each with the value of its pointer while the call does not run
    stacks: RefCell<Vec<(OwnStack, i32)>>,
}

impl OwnStacks {
    /// The stacks of a call of `function`, whose instance has the pointer `called`.
    ///
    /// # Errors
    /// `Memory`, `Limit`, `OutOfRange` where there is no room for the stack in the called instance.
    pub fn new(store: &Store, function: FuncRef, called: StackPointer) -> Result<Self, Failure> {
        let first = new_stack(store, called)?;
        Ok(Self {
            function,
            called,
            stacks: RefCell::new(first.into_iter().map(|stack| (stack, stack.end())).collect()),
        })
    }

    /// Runs `run`, in which the call has control. Afterwards, all pointers of the store are where other calls need them.
    ///
    /// # Errors
    /// The failure of `run`; `Suspend` if `is_suspended`, and the call has frames on a stack that others use.
    ///
    /// # Safety
    /// As for `ShadowStacks::call`.
    pub unsafe fn run(
        &self,
        store: &Store,
        run: impl FnOnce() -> Result<(), Failure>,
        is_suspended: impl FnOnce() -> bool,
    ) -> Result<(), Failure> {
        let shadows = &store.shadow_stacks;
        let is_outermost = shadows.depth().get() == 0;
        self.prepare(store, is_outermost);
        // SAFETY: by the contract of this function, all instances are alive.
        let (before, mut call) = unsafe { (shadows.read_all(), shadows.begin(self.called)) };
        call.set_all(before.clone());
        for (stack, value) in self.stacks.borrow().iter() {
            // SAFETY: `prepare` has kept only stacks of instances that are alive.
            unsafe { stack.pointer().set(*value) };
        }
        let result = run();
        let lowered = self.take_values(&before, result.is_err());
        let is_suspended = result.is_ok() && is_suspended();
        let shared = if is_suspended { self.shared(store, &before, is_outermost) } else { Ok(Vec::new()) };
        let result = result.and(shared);
        // SAFETY: as above.
        unsafe { shadows.end(call, result.is_err()) };
        lowered.into_iter().for_each(|stack| shadows.add_lowered(stack));
        for (others, value) in result? {
            shadows.note_kept(self.called, others.pointer());
            self.stacks.borrow_mut().push((shadows.leave_to_suspended(others), value));
        }
        if is_suspended {
            self.give_unused_back(store);
        }
        Ok(())
    }

    /// Gives the stacks of a call back that has ended or will not go on.
    pub fn free(self, store: &Store) {
        self.stacks.into_inner().into_iter().for_each(|(stack, _)| store.shadow_stacks.give_back(stack));
    }

    /// Notes where the call's pointers are, and puts those of other calls back, which were `before`. Returns the stacks of what
    /// was unwound, if the call has failed: that of the called instance last.
    fn take_values(&self, before: &[(StackPointer, i32)], has_failed: bool) -> Vec<Lowered> {
        let mut lowered = Vec::new();
        for (stack, value) in self.stacks.borrow_mut().iter_mut().rev() {
            let pointer = stack.pointer();
            // SAFETY: `run` is called while the instances are alive.
            unsafe {
                if has_failed {
                    lowered.push(Lowered::on(*stack));
                }
                *value = pointer.value();
                let others = before.iter().find(|(each, _)| *each == pointer);
                others.into_iter().for_each(|(_, value)| pointer.set(*value));
            }
        }
        lowered
    }

    /// Gets the call stacks that it needs before it runs, and forgets those of instances that are gone.
    fn prepare(&self, store: &Store, is_outermost: bool) {
        let shadows = &store.shadow_stacks;
        self.stacks.borrow_mut().retain(|(stack, _)| shadows.has(*stack));
        let pointers = if is_outermost { shadows.kept_in(self.called) } else { self.reachable(store) };
        for pointer in pointers {
            let is_new = !self.stacks.borrow().iter().any(|(stack, _)| stack.pointer() == pointer);
            // Without room, the call runs nevertheless: it can be suspended as long as it has no frames there.
            if let Ok(Some(stack)) = if is_new { new_stack(store, pointer) } else { Ok(None) } {
                self.stacks.borrow_mut().push((stack, stack.end()));
            }
        }
    }

    /// The stack pointers of the instances that the call can reach.
    fn reachable(&self, store: &Store) -> Vec<StackPointer> {
        let (mut nodes, mut next) = (Vec::from_iter(self.function.node(store)), 0);
        let mut pointers = Vec::new();
        while let Some(node) = nodes.get(next).copied() {
            next += 1;
            if let Node::Instance(id) = node
                && let Some(instance) = store.instances.borrow().get(&id)
                && !pointers.contains(&instance.stack_pointer())
            {
                pointers.push(instance.stack_pointer());
            }
            let edges = node.edges(store, &|_| Vec::new());
            edges.into_iter().for_each(|edge| {
                if !nodes.contains(&edge) {
                    nodes.push(edge)
                }
            });
        }
        pointers
    }

    /// For each stack of other calls on which the suspended call has frames: a new one for those calls, and the value of the
    /// pointer on the present one. Puts the pointers back, which were `before`.
    fn shared(
        &self,
        store: &Store,
        before: &[(StackPointer, i32)],
        is_outermost: bool,
    ) -> Result<Vec<(OwnStack, i32)>, Failure> {
        let shadows = &store.shadow_stacks;
        let mut shared = Vec::new();
        for (pointer, before) in before {
            // SAFETY: `run` is called while the instances are alive.
            let value = unsafe { pointer.value() };
            if value == *before {
                continue;
            }
            let can_move = is_outermost && shadows.resting(*pointer) == Some(*before);
            let new = if can_move { new_stack(store, *pointer) } else { Err(among_others().into()) };
            match new {
                Ok(Some(new)) => shared.push((new, value)),
                failed => {
                    shared.into_iter().for_each(|(stack, _)| shadows.give_back(stack));
                    return Err(cannot_keep(failed.err().unwrap_or_else(|| no_memory().into())));
                }
            }
            // SAFETY: as above.
            unsafe { pointer.set(*before) };
        }
        Ok(shared)
    }

    /// Gives the stacks back on which the suspended call has no frames: nothing may hold their instances.
    fn give_unused_back(&self, store: &Store) {
        let is_used = |stack: OwnStack, value| value != stack.end() || stack.pointer() == self.called;
        let unused =
            self.stacks.borrow_mut().extract_if(.., |(stack, value)| !is_used(*stack, *value)).collect::<Vec<_>>();
        unused.into_iter().for_each(|(stack, _)| store.shadow_stacks.give_back(stack));
    }
}

/// A stack in the memory of the instances with this pointer, where nothing else is; none if they have no pointer or memory. It has
/// the size of the stack that they began with, wherever their stack is now.
fn new_stack(store: &Store, pointer: StackPointer) -> Result<Option<OwnStack>, Failure> {
    let Some(first_end) = store.shadow_stacks.first_end(pointer) else { return Ok(None) };
    if let Some(stack) = store.shadow_stacks.take(pointer) {
        return Ok(Some(stack));
    }
    let memory = store.instances.borrow().values().find_map(|instance| {
        let contents = &instance.contents;
        let is_it = contents.stack_pointer == pointer;
        is_it.then(|| contents.imported.memories.iter().chain(&contents.own.memories).next().copied()).flatten()
    });
    let Some(memory) = memory else { return Ok(None) };
    let memory = MemoryId(store.memories.borrow_mut().id(memory));
    let pages = first_end.cast_unsigned().min(LARGEST).div_ceil(PAGE_SIZE as u32).max(1);
    let before = memory.grow(store, pages)?;
    // The end of a memory of 4 GiB is 0.
    let end = (before + pages).wrapping_mul(PAGE_SIZE as u32).cast_signed();
    Ok(Some(store.shadow_stacks.own(pointer, end)))
}

#[cold]
fn among_others() -> Error {
    let message = "other calls have frames there, or the function has set the stack pointer".to_owned();
    ErrorKind::Suspend { message }.into()
}

#[cold]
fn no_memory() -> Error {
    ErrorKind::Suspend { message: "the instance has none".to_owned() }.into()
}

/// The error of a call that would be suspended with frames among those of other calls.
#[cold]
fn cannot_keep(failure: Failure) -> Failure {
    let Failure::Error(cause) = failure else { return failure };
    let message = format!(
        "cannot suspend: a function of another instance waits for the import and has a frame on the stack in its \
         memory, and that memory cannot have another stack for other calls: {cause}"
    );
    Error::from(ErrorKind::Suspend { message }).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{COMPILERS, compile, function, instantiate, memory, new_store};

    #[test]
    fn stacks_are_as_large_as_the_first_one_wherever_the_present_one_is() {
        let text = r#"(module
            (memory (export "memory") 8)
            (global $__stack_pointer (mut i32) (i32.const 65536))
            (export "__stack_pointer" (global $__stack_pointer))
            (func (export "f")))"#;
        for compiler in COMPILERS {
            let store = new_store();
            let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
            let pointer = function(&store, &instance, "f").stack_pointer(&store);
            let pages = || memory(&store, &instance, "memory").data(&store).1 / PAGE_SIZE;
            let mut left = Vec::new();
            for number in 1..4 {
                let stack = new_stack(&store, pointer).unwrap().unwrap();
                assert_eq!((pages(), stack.end() as usize / PAGE_SIZE), (8 + number, 8 + number));
                left.push(store.shadow_stacks.leave_to_suspended(stack));
            }
            left.into_iter().for_each(|stack| store.shadow_stacks.give_back(stack));
            assert_eq!(store.shadow_stacks.resting(pointer), Some(65536), "calls have moved back");
        }
    }
}
