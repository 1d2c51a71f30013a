//! The signal by which the watchdog moves a thread from wasm code into `pad`.
//!
//! A real-time signal that nothing else in the process uses when the first one is sent. A handler that is put there
//! later is left alone, and another signal is used. So two copies of this library, or another user of real-time
//! signals, do not disturb each other, in any order of loading.

use crate::engine::is_code;
use crate::store::watch::record::{LOOK, STOP, ThreadRecord};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// Whether this platform has interruption.
pub const AVAILABLE: bool = true;

/// The signal; 0 before the first one.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Address of `pad`.
static PAD: AtomicUsize = AtomicUsize::new(0);

/// Distinguishes the signals of this copy: the upper half of a signal's value. 0 before the first one.
static MARK: AtomicU64 = AtomicU64::new(0);

/// Sets the function in which interrupted threads continue.
pub fn set_pad(pad: usize) {
    PAD.store(pad, Ordering::Release);
}

/// Sends the signal to a thread. Only for the watchdog, which holds `record::threads`.
pub fn send(record: &ThreadRecord) {
    let thread = record.thread.load(Ordering::Acquire);
    // Else signals that wait for the thread would pile up.
    if thread == 0 || record.is_sent.swap(true, Ordering::AcqRel) {
        return;
    }
    // The first signal sets the mark.
    let sent =
        signal().is_some_and(|signal| queue(thread, signal, MARK.load(Ordering::Relaxed) | record.index() as u64));
    if !sent {
        record.is_sent.store(false, Ordering::Release);
    }
}

/// The signal, with our handler. None if all are in use.
fn signal() -> Option<libc::c_int> {
    let known = SIGNAL.load(Ordering::Relaxed);
    if known != 0 && action_of(known) == Some(handler as *const () as usize) {
        return Some(known);
    }
    if known == 0 {
        // An address in this copy is unique: no other copy has it.
        MARK.store((&raw const MARK).addr() as u64 >> 3 << 32, Ordering::Relaxed);
    }
    let free = (libc::SIGRTMIN() + 8..libc::SIGRTMAX()).find(|signal| action_of(*signal) == Some(libc::SIG_DFL))?;
    // SAFETY: all zeros is a value of `sigaction`, and the handler is one for SA_SIGINFO.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        // The wasm stack may be at its end, so use the alternate stack. Restart system calls, so that none fails
        // because of the signal.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        action.sa_sigaction = handler as *const () as usize;
        if libc::sigaction(free, &action, ptr::null_mut()) != 0 {
            return None;
        }
    }
    SIGNAL.store(free, Ordering::Relaxed);
    Some(free)
}

/// The handler of a signal, or `SIG_DFL` or `SIG_IGN`.
fn action_of(signal: libc::c_int) -> Option<usize> {
    // SAFETY: all zeros is a value of `sigaction`, to which the call writes.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        (libc::sigaction(signal, ptr::null(), &mut action) == 0).then_some(action.sa_sigaction)
    }
}

/// A `siginfo_t` with a value, as `rt_sigqueueinfo` takes it.
#[repr(C)]
struct Queued {
    signo: libc::c_int,
    errno: libc::c_int,
    code: libc::c_int,
    _padding: libc::c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: u64,
    _rest: [u64; 12],
}

const _: () = assert!(size_of::<Queued>() == size_of::<libc::siginfo_t>());

fn queue(thread: i32, signal: libc::c_int, value: u64) -> bool {
    // SAFETY: the calls have no preconditions, and `info` has the size and the fields of a `siginfo_t`.
    unsafe {
        let (pid, uid) = (libc::getpid(), libc::getuid());
        let info =
            Queued { signo: signal, errno: 0, code: libc::SI_QUEUE, _padding: 0, pid, uid, value, _rest: [0; 12] };
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, thread, signal, &raw const info) == 0
    }
}

/// The handler. Takes no lock and allocates nothing.
unsafe extern "C" fn handler(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system gives the information and the context of the interrupted thread.
    let (info, context) = unsafe { (&*info.cast::<Queued>(), &mut *context.cast::<libc::ucontext_t>()) };
    let mark = MARK.load(Ordering::Relaxed);
    if info.code != libc::SI_QUEUE || info.value & !u64::from(u32::MAX) != mark {
        return;
    }
    let Some(record) = ThreadRecord::at((info.value & u64::from(u32::MAX)) as usize) else { return };
    // SAFETY: the call has no preconditions.
    if record.thread.load(Ordering::Acquire) != unsafe { libc::gettid() } {
        return;
    }
    record.is_sent.store(false, Ordering::Release);
    let (pc, sp) = pc_and_sp(context);
    let [low, high] = record.host_stack.each_ref().map(|bound| bound.load(Ordering::Relaxed));
    record.is_on_host.store((low..high).contains(&sp), Ordering::Relaxed);
    if record.flags() & (STOP | LOOK) != 0 && record.is_in_call() && is_code(pc) {
        resume_in_pad(record, context, pc);
    }
}

/// Makes the interrupted thread continue in `pad`; `pc` is the address of the instruction that was interrupted.
pub fn resume_in_pad(record: &ThreadRecord, context: &mut libc::ucontext_t, pc: usize) {
    record.interrupted.store(pc, Ordering::Relaxed);
    context.uc_mcontext.gregs[libc::REG_RIP as usize] = PAD.load(Ordering::Relaxed) as i64;
}

/// Makes the interrupted thread continue with a function without arguments, below `stack`.
pub fn resume_at(context: &mut libc::ucontext_t, function: usize, stack: usize) {
    let registers = &mut context.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = function as i64;
    // Below the red zone, and as after a `call`: 8 bytes below an aligned address.
    registers[libc::REG_RSP as usize] = ((stack - 128) & !15) as i64 - 8;
}

/// The address of the interrupted instruction, and the stack pointer.
pub fn pc_and_sp(context: &libc::ucontext_t) -> (usize, usize) {
    let registers = &context.uc_mcontext.gregs;
    (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize)
}
