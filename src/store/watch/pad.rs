//! The pad: a thread that was interrupted in wasm continues here, on the wasm stack and no longer in the signal
//! handler.
//!
//! `pad` saves all registers, decides by `checkpoint` whether the wasm must stop, and otherwise restores them and goes back
//! to the interrupted instruction.

use crate::store::watch::checkpoint::pause;
use crate::store::watch::fault;
use crate::store::watch::record::ThreadRecord;
use crate::store::watch::signal::set_pad;
use std::arch::naked_asm;
use std::sync::atomic::Ordering;

/// Makes interrupted threads continue at the pad.
pub fn install() {
    set_pad(pad as *const () as usize);
}

/// Continues an interrupted thread. The signal handler jumps here from an instruction of wasm, with its registers.
///
/// The frame, below the red zone of the interrupted function, whose stack pointer is the CFA:
/// `CFA - 136` interrupted address, `CFA - 144` flags, `CFA - 264` to `CFA - 152` general registers. Wasm code uses no other
/// registers than these and those of `fxsave64`: of wider vectors only the lower 16 bytes are alive in it.
///
/// # Safety
/// Never called: see above.
#[unsafe(naked)]
unsafe extern "C" fn pad() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame", // the return address is an instruction that has not run
        ".cfi_def_cfa rsp, 0",
        ".cfi_undefined rip",
        "lea rsp, [rsp - 136]",
        ".cfi_def_cfa_offset 136",
        "pushfq",
        "push rax",
        "push rcx",
        "push rdx",
        "push rbx",
        "push rbp",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rbp, rsp",
        ".cfi_def_cfa rbp, 264",
        ".cfi_offset rbx, -176",
        ".cfi_offset rbp, -184",
        ".cfi_offset r12, -240",
        ".cfi_offset r13, -248",
        ".cfi_offset r14, -256",
        ".cfi_offset r15, -264",
        "cld",
        "and rsp, -64",
        "sub rsp, 512",
        "fxsave64 [rsp]",
        "mov rbx, rsp",
        "call {interrupted}",
        "mov [rbp + 128], rax",
        ".cfi_offset rip, -136",
        "mov rdi, rax",
        "call {run}",
        "fxrstor64 [rbx]",
        "mov rsp, rbp",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rbp",
        "pop rbx",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "popfq",
        "ret 128", // over the red zone
        ".cfi_endproc",
        interrupted = sym interrupted,
        run = sym run,
    )
}

/// Takes the address that the signal handler has noted.
extern "C" fn interrupted() -> usize {
    ThreadRecord::of_thread().interrupted.swap(0, Ordering::Relaxed)
}

extern "C-unwind" fn run(interrupted: usize) {
    let record = ThreadRecord::of_thread();
    // SAFETY: the signal handlers come here from wasm code only. The frames of `pad` and this one have nothing to drop.
    unsafe {
        match fault::take(record) {
            Some(fault) => fault::raise(fault, interrupted),
            None => pause(record, interrupted),
        }
    }
}
