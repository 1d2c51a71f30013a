//! Switches between stacks.

/// Whether this platform has `switch`.
pub const AVAILABLE: bool = cfg!(all(unix, any(target_arch = "x86_64", target_arch = "aarch64")));

#[cfg(all(unix, target_arch = "x86_64"))]
mod arch {
    use std::arch::{asm, naked_asm};
    use std::ffi::c_void;

    /// Saves the running stack at `save`, and goes on with the stack that was saved at `load`. Returns when another
    /// switch loads what this one has saved.
    ///
    /// Inline, so that a call from JavaScript has as many returns as calls on each of its stacks: the processor predicts
    /// returns by counting calls, and a switch by `call` and `ret` would make each of them miss.
    ///
    /// # Safety
    /// `load` holds a stack that `prepare` made or `switch` saved, and that nothing has switched to since. It belongs
    /// to this thread. Both stacks live until the switch returns.
    #[inline(always)]
    pub unsafe fn switch(save: *const usize, load: *const usize) {
        // SAFETY: by the contract of this function. LLVM reserves `rbx` and `rbp`, so they are saved by hand; every other
        // register is clobbered.
        unsafe {
            asm!(
                "push rbp",
                "push rbx",
                "lea rax, [rip + 2f]",
                "push rax",
                "mov [rdi], rsp",
                "mov rsp, [rsi]",
                "pop rax",
                "jmp rax",
                "2:",
                "pop rbx",
                "pop rbp",
                inout("rdi") save => _,
                inout("rsi") load => _,
                out("r12") _, out("r13") _, out("r14") _, out("r15") _,
                clobber_abi("C"),
            );
        }
    }

    /// Calls `run(data)` on the stack that was saved in `stack`, below what is in use there.
    ///
    /// By `call` and `ret`, so that the processor predicts the returns of what `run` calls and of what has called this.
    ///
    /// # Safety
    /// `switch` saved the stack, and nothing has switched to it since. No panic leaves `run`.
    #[unsafe(naked)]
    pub unsafe extern "C" fn call_on(stack: usize, run: unsafe extern "C" fn(*mut c_void), data: *mut c_void) {
        // Unwinding ends here. The red zone of the other stack is left alone.
        naked_asm!(
            ".cfi_startproc",
            ".cfi_undefined rip",
            "push rbp",
            "mov rbp, rsp",
            "lea rsp, [rdi - 128]",
            "and rsp, -16",
            "mov rdi, rdx",
            "call rsi",
            "mov rsp, rbp",
            "pop rbp",
            "ret",
            ".cfi_endproc",
        )
    }

    /// Where a new stack begins. Unwinding ends here.
    #[unsafe(naked)]
    pub unsafe extern "C" fn start() {
        // `switch` has popped the address of this function. `call` needs a stack that is aligned to 16 bytes.
        naked_asm!(
            ".cfi_startproc",
            ".cfi_undefined rip",
            "pop rdi",
            "pop rax",
            "add rsp, 8",
            "xor ebp, ebp",
            "call rax",
            "ud2",
            ".cfi_endproc",
        )
    }
}

#[cfg(all(unix, target_arch = "aarch64"))]
mod arch {
    use std::arch::{asm, naked_asm};
    use std::ffi::c_void;

    /// Saves the running stack at `save`, and goes on with the stack that was saved at `load`. Returns when another
    /// switch loads what this one has saved.
    ///
    /// # Safety
    /// `load` holds a stack that `prepare` made or `switch` saved, and that nothing has switched to since. It belongs
    /// to this thread. Both stacks live until the switch returns.
    #[inline(always)]
    pub unsafe fn switch(save: *const usize, load: *const usize) {
        // SAFETY: by the contract of this function. LLVM reserves `x19` and `x29`, so they are saved by hand; every other
        // register is clobbered, except `x18`, which belongs to the platform.
        unsafe {
            asm!(
                "adr x9, 2f",
                "stp x9, x19, [sp, #-32]!",
                "str x29, [sp, #16]",
                "mov x10, sp",
                "str x10, [x0]",
                "ldr x10, [x1]",
                "mov sp, x10",
                "ldr x9, [sp]",
                "br x9",
                "2:",
                "hint #36", // BTI j: a target of `br`
                "ldr x19, [sp, #8]",
                "ldr x29, [sp, #16]",
                "add sp, sp, #32",
                inout("x0") save => _,
                inout("x1") load => _,
                out("x20") _, out("x21") _, out("x22") _, out("x23") _, out("x24") _,
                out("x25") _, out("x26") _, out("x27") _, out("x28") _, out("x30") _,
                out("d8") _, out("d9") _, out("d10") _, out("d11") _,
                out("d12") _, out("d13") _, out("d14") _, out("d15") _,
                clobber_abi("C"),
            );
        }
    }

    /// Calls `run(data)` on the stack that was saved in `stack`, below what is in use there.
    ///
    /// # Safety
    /// `switch` saved the stack, and nothing has switched to it since. No panic leaves `run`.
    #[unsafe(naked)]
    pub unsafe extern "C" fn call_on(stack: usize, run: unsafe extern "C" fn(*mut c_void), data: *mut c_void) {
        // Unwinding ends here. The red zone of the other stack is left alone.
        naked_asm!(
            ".cfi_startproc",
            ".cfi_undefined x30",
            "stp x29, x30, [sp, #-16]!",
            "mov x29, sp",
            "sub x9, x0, #128",
            "and x9, x9, #-16",
            "mov sp, x9",
            "mov x0, x2",
            "blr x1",
            "mov sp, x29",
            "ldp x29, x30, [sp], #16",
            "ret",
            ".cfi_endproc",
        )
    }

    /// Where a new stack begins. Unwinding ends here.
    #[unsafe(naked)]
    pub unsafe extern "C" fn start() {
        naked_asm!(
            ".cfi_startproc",
            ".cfi_undefined x30",
            "hint #36", // BTI j: a target of `br`
            "ldr x0, [sp, #8]",
            "ldr x9, [sp, #16]",
            "add sp, sp, #32",
            "mov x29, xzr",
            "blr x9",
            "brk #1",
            ".cfi_endproc",
        )
    }
}

#[cfg(not(all(unix, any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod arch {
    use std::ffi::c_void;

    /// # Safety
    /// Never called: see `AVAILABLE`.
    pub unsafe fn switch(_save: *const usize, _load: *const usize) {
        unreachable!("there are no switches of stacks on this platform")
    }

    /// # Safety
    /// Never called: see `AVAILABLE`.
    pub unsafe fn call_on(_stack: usize, _run: unsafe extern "C" fn(*mut c_void), _data: *mut c_void) {
        unreachable!("there are no switches of stacks on this platform")
    }

    /// # Safety
    /// Never called: see `AVAILABLE`.
    pub unsafe extern "C" fn start() {
        unreachable!("there are no switches of stacks on this platform")
    }
}

pub use arch::{call_on, switch};

/// Words that `prepare` writes at the top of a new stack, for `arch::start`.
const WORDS: usize = 4;

/// Prepares a new stack: the first switch to it calls `run(argument)`, which never returns. Returns the saved stack.
///
/// # Safety
/// `base` is the upper end of a writable stack, aligned to 16 bytes.
pub unsafe fn prepare(base: usize, run: unsafe extern "C" fn(usize) -> !, argument: usize) -> usize {
    let words: *mut usize = std::ptr::with_exposed_provenance_mut(base - WORDS * size_of::<usize>());
    // SAFETY: by the contract of this function.
    unsafe {
        words.write(arch::start as *const () as usize);
        words.add(1).write(argument);
        words.add(2).write(run as *const () as usize);
        words.add(3).write(0);
    }
    words.expose_provenance()
}
