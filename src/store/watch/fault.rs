//! Faults on a stack that is not wasmer's: they become traps of the wasm that runs on it.
//!
//! wasmer's own handler only knows the stack that it has entered. So a fault in wasm code on another stack continues in `pad`,
//! which raises the trap on that stack.

use crate::engine::{CapturedStack, is_code, trap_at};
use crate::store::trap::{Thrown, trap_error};
use crate::store::watch::record::ThreadRecord;
use crate::store::watch::signal::{pc_and_sp, resume_at, resume_in_pad};
use std::ffi::c_void;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmer::sys::vm::raise_user_trap;
use wasmer_types::TrapCode;

/// `ThreadRecord::fault`: none, an access to an address that is not accessible, or any other.
const NONE: u32 = 0;
const ACCESS: u32 = 1;
const OTHER: u32 = 2;

/// Handles a fault on a stack with these addresses, if it is one of wasm code, or of host code that `lend` gives more room at
/// an address. `entered` is an address on the stack that wasmer has entered, below all that is in use there. Returns whether
/// it was handled.
///
/// # Safety
/// The signal handler of this thread calls this with its arguments, and the record is that of the thread.
pub unsafe fn handle(
    stack: &Range<usize>,
    entered: usize,
    record: &ThreadRecord,
    lend: impl FnOnce(usize) -> bool,
    info: *const libc::siginfo_t,
    context: *const c_void,
) -> bool {
    // SAFETY: by the contract of this function.
    let (info, context) = unsafe { (&*info, &mut *context.cast_mut().cast::<libc::ucontext_t>()) };
    let (pc, sp) = pc_and_sp(context);
    let is_access = matches!(info.si_signo, libc::SIGSEGV | libc::SIGBUS);
    // SAFETY: these signals have an address.
    let address = if is_access { unsafe { info.si_addr() }.addr() } else { 0 };
    if !stack.contains(&sp) && !stack.contains(&address) {
        return false;
    }
    match (is_code(pc), stack.contains(&address)) {
        (true, true) => resume_at(context, overflow as *const () as usize, entered),
        (true, false) => {
            record.fault.store(if is_access { ACCESS } else { OTHER }, Ordering::Relaxed);
            resume_in_pad(record, context, pc);
        }
        // The lent part is used up, as by a recursion that calls the host each time: wasmer makes a trap of this, too.
        (false, true) if !lend(address) => resume_at(context, overflow as *const () as usize, entered),
        (false, true) => {}
        (false, false) => return false,
    }
    true
}

/// Takes the fault of the thread, if it has one.
pub fn take(record: &ThreadRecord) -> Option<u32> {
    Some(record.fault.swap(NONE, Ordering::Relaxed)).filter(|fault| *fault != NONE)
}

/// Raises the trap of a fault of the wasm instruction at an address.
///
/// # Safety
/// Wasm is on the stack, and no frame above it has a value to drop.
pub unsafe fn raise(fault: u32, at: usize) -> ! {
    let unlisted = || match fault {
        ACCESS => Some(TrapCode::HeapAccessOutOfBounds),
        // SAFETY: the wasm instruction at the address was about to run.
        _ => unsafe { encoded(at) },
    };
    let code = trap_at(at).or_else(unlisted);
    let thrown = Box::new(Thrown::error(trap_error(code, Some(Arc::new(CapturedStack::here(at))))));
    // SAFETY: by the contract of this function.
    unsafe { raise_user_trap(thrown) }
}

/// The code of a trap in the undefined instruction at an address: `ud1` with an optional prefix, whose registers say which trap.
///
/// # Safety
/// There is an instruction at the address.
unsafe fn encoded(at: usize) -> Option<TrapCode> {
    const UD1: [u8; 2] = [0x0f, 0xb9];
    let byte = |offset: usize| {
        // SAFETY: by the contract of this function; the bytes are read only as far as they are those of the instruction.
        unsafe { std::ptr::with_exposed_provenance::<u8>(at + offset).read() }
    };
    let begin = usize::from(byte(0) & 0xf0 == 0x40);
    if byte(begin) != UD1[0] || byte(begin + 1) != UD1[1] {
        return None;
    }
    Some(match byte(begin + 2) & 0x3f {
        0 => TrapCode::StackOverflow,
        1 => TrapCode::HeapAccessOutOfBounds,
        2 => TrapCode::HeapMisaligned,
        3 => TrapCode::TableAccessOutOfBounds,
        4 => TrapCode::IndirectCallToNull,
        5 => TrapCode::BadSignature,
        6 => TrapCode::IntegerOverflow,
        7 => TrapCode::IntegerDivisionByZero,
        8 => TrapCode::BadConversionToInteger,
        9 => TrapCode::UnreachableCodeReached,
        10 => TrapCode::UnalignedAtomic,
        _ => return None,
    })
}

/// The end of the stack. Runs on the one that wasmer has entered: an instruction by which wasm code traps so, since wasmer's
/// handler also makes a trap of it if the thread was about to leave wasm.
#[unsafe(naked)]
unsafe extern "C" fn overflow() -> ! {
    std::arch::naked_asm!("ud1 eax, eax")
}
