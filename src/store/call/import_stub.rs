//! The stub by which wasm calls an import that parks.
//!
//! wasmer can call a host function in two ways. A dynamic one is called through a trampoline in the importer's code, which
//! passes all values in memory. A static one is called directly, as a C function would be. This stub is the code of static
//! ones: it saves the registers of the arguments, and switches to the host's stack without a call that the processor would
//! have to predict the return of.
//!
//! The processor predicts returns by a stack of its own, on which each call pushes an address. When the stub switches to the
//! host's stack, the addresses that wasm's calls have pushed are on top: see `return_stack`. So the stub takes them off by
//! returns of its own. After it has been resumed, it jumps to the address of its caller.

use crate::store::RawValue;
use crate::store::call::call_stack::ROOM;
use crate::store::call::return_stack::Switched;
use crate::wasm::{FuncType, ValType};
use std::ffi::c_void;
use std::mem::offset_of;

/// Offset of `StubCalls` in the context of a static host function, in bytes.
pub const CALLS: usize = 8;

/// The functions that the stub calls.
#[repr(C)]
pub struct StubCalls {
    /// Called with the context of the function and what the stub has saved. Returns the stacks to switch between; null if the function has been called, with its result in `Saved::result`.
    pub begin: unsafe extern "C" fn(*mut c_void, *mut Saved) -> *const Switched,
    /// Called when wasm's stack runs again. Writes the result to `Saved::result`, or unwinds wasm. Returns the number of addresses
    /// to put on the processor's stack.
    pub finish: unsafe extern "C" fn(*mut c_void, *mut Saved) -> u32,
}

/// The registers that the stub has saved on wasm's stack.
#[repr(C)]
pub struct Saved {
    /// `rsi`, `rdx`, `rcx`, `r8` and `r9`
    integers: [u64; INTEGERS],
    /// The low halves of `xmm0` to `xmm7`
    floats: [u64; FLOATS],
    /// The result, for `rax` and `xmm0`
    pub result: u64,
    /// `rbx`, `r12` to `r15`, the context, `rbp` and the return address
    rest: [u64; 8],
}

impl Saved {
    /// The address at which the frame pointer of the stub's caller is.
    pub fn frame(saved: *const Self) -> *const usize {
        saved.wrapping_byte_add(offset_of!(Self, rest) + 48).cast()
    }
}

const INTEGERS: usize = 5;
const FLOATS: usize = 8;

/// The word of `Saved`, or of the arguments on the stack that follow it, in which each argument is.
pub struct Locations(Box<[u8]>);

impl Locations {
    /// The locations for functions of a type; none if the stub cannot call them.
    pub fn of(ty: &FuncType) -> Option<Self> {
        let fits_word = |ty: &ValType| *ty != ValType::V128;
        if !AVAILABLE || ty.results.len() > 1 || !ty.parameters.iter().chain(&ty.results).all(fits_word) {
            return None;
        }
        let (mut integers, mut floats, mut words) = (0, 0, size_of::<Saved>() / size_of::<u64>());
        let location = |ty: &ValType| {
            let (next, first, most) = match ty {
                ValType::F32 | ValType::F64 => (&mut floats, INTEGERS, FLOATS),
                _ => (&mut integers, 0, INTEGERS),
            };
            let (next, at) = if *next < most { (next, first) } else { (&mut words, 0) };
            *next += 1;
            u8::try_from(at + *next - 1).ok()
        };
        ty.parameters.iter().map(location).collect::<Option<_>>().map(Self)
    }

    /// Copies the arguments to `values`.
    ///
    /// # Safety
    /// The stub has saved `saved`, for a function of the type. There is room for its arguments.
    #[inline]
    pub unsafe fn copy_arguments(&self, saved: *const Saved, values: *mut RawValue) {
        for (index, location) in self.0.iter().enumerate() {
            // SAFETY: by the contract of this function. A value is larger than a word.
            unsafe { values.add(index).cast::<u64>().write(*saved.cast::<u64>().add(usize::from(*location))) };
        }
    }
}

/// Whether this platform has the stub.
const AVAILABLE: bool = cfg!(all(unix, target_arch = "x86_64"));

#[cfg(all(unix, target_arch = "x86_64"))]
mod arch {
    use super::*;
    use std::arch::naked_asm;

    /// The code of a static host function.
    ///
    /// # Safety
    /// Only wasm calls this, with a context that begins with `StubCalls`.
    #[unsafe(naked)]
    pub unsafe extern "C" fn stub() {
        naked_asm!(
            ".cfi_startproc",
            // At the end of the stack, this is a trap like that of wasm. After it, there is room for `CallStack::park`.
            "test byte ptr [rsp - {room}], al",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "sub rsp, {size} - 16",
            "mov [rsp + {rest}], rbx",
            "mov [rsp + {rest} + 8], r12",
            "mov [rsp + {rest} + 16], r13",
            "mov [rsp + {rest} + 24], r14",
            "mov [rsp + {rest} + 32], r15",
            ".cfi_offset rbx, -64",
            ".cfi_offset r12, -56",
            ".cfi_offset r13, -48",
            ".cfi_offset r14, -40",
            ".cfi_offset r15, -32",
            "mov [rsp], rsi",
            "mov [rsp + 8], rdx",
            "mov [rsp + 16], rcx",
            "mov [rsp + 24], r8",
            "mov [rsp + 32], r9",
            "movsd [rsp + 40], xmm0",
            "movsd [rsp + 48], xmm1",
            "movsd [rsp + 56], xmm2",
            "movsd [rsp + 64], xmm3",
            "movsd [rsp + 72], xmm4",
            "movsd [rsp + 80], xmm5",
            "movsd [rsp + 88], xmm6",
            "movsd [rsp + 96], xmm7",
            "mov r12, rdi",
            "mov rsi, rsp",
            "call [rdi + {calls} + {begin}]",
            "test rax, rax",
            "je 3f",
            // Takes wasm's call off the processor's stack, and as many more as `ReturnStack` says.
            "mov ecx, [rax + {taken}]",
            "5:",
            "lea rdx, [rip + 2f]",
            "push rdx",
            "ret",
            "2:",
            "dec ecx",
            "jns 5b",
            // As `switch`, with the stacks at `rax`: the host's, and this one. `r12` stays on wasm's stack.
            "mov [rsp + {filler}], r12",
            "lea rcx, [rip + 4f]",
            "push rcx",
            "mov [rax + 8], rsp",
            "mov rsp, [rax]",
            "pop rax",
            "jmp rax",
            "4:",
            // The host has used `rbp`, by which unwinding finds this frame.
            "lea rbp, [rsp + {size} - 16]",
            "mov rdi, [rsp + {filler}]",
            "mov rsi, rsp",
            "call [rdi + {calls} + {finish}]",
            // Puts other addresses on the processor's stack in the place of those.
            "test eax, eax",
            "je 7f",
            "6:",
            "call 8f",
            "int3",
            "8:",
            "add rsp, 8",
            "dec eax",
            "jnz 6b",
            "7:",
            "mov rax, [rsp + {result}]",
            "movq xmm0, rax",
            "mov rbx, [rsp + {rest}]",
            "mov r12, [rsp + {rest} + 8]",
            "mov r13, [rsp + {rest} + 16]",
            "mov r14, [rsp + {rest} + 24]",
            "mov r15, [rsp + {rest} + 32]",
            "mov rcx, [rsp + {size} - 8]",
            "mov rbp, [rsp + {size} - 16]",
            "add rsp, {size}",
            "jmp rcx",
            "3:",
            "mov rax, [rsp + {result}]",
            "movq xmm0, rax",
            "mov r12, [rsp + {rest} + 8]",
            "leave",
            "ret",
            ".cfi_endproc",
            room = const ROOM,
            size = const size_of::<Saved>(),
            rest = const offset_of!(Saved, rest),
            filler = const offset_of!(Saved, rest) + 40,
            result = const offset_of!(Saved, result),
            calls = const CALLS,
            begin = const offset_of!(StubCalls, begin),
            finish = const offset_of!(StubCalls, finish),
            taken = const offset_of!(Switched, returns.taken),
        )
    }
}

#[cfg(not(all(unix, target_arch = "x86_64")))]
mod arch {
    /// # Safety
    /// Never called: see `AVAILABLE`.
    pub unsafe extern "C" fn stub() {
        unreachable!("there is no stub on this platform")
    }
}

pub use arch::stub;
