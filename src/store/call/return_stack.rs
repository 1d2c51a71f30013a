//! The processor's stack of return addresses, which predicts returns, and what parking has to do about it.
//!
//! Each call pushes an address there, and each return takes one off. When a call parks, the frames of wasm that stay on
//! wasm's stack are on top of it: every return of the host would be predicted wrongly. So the stub takes them off, by
//! returns of its own, each of which is predicted wrongly itself. When the call is resumed, there are two ways:
//!
//! - A call with few imports puts as many other addresses in their place. The returns of wasm are predicted wrongly, those of
//!   the host are not.
//! - A call with many imports does nothing: then the next parking takes off only the call of its own import. When wasm has
//!   returned, it has taken off addresses of the host. Others are put in their place.

use std::cell::Cell;

/// Number of wasm's frames up to which it takes less time to take them off than to call an import from native code.
const MOST_FRAMES: u32 = 6;

/// Number of wasm's frames up to which it takes less time to take them off than to let the returns of the host miss.
const MOST_TAKEN: u32 = 16;

/// Bytes of the function that calls wasm, at most.
const CALLER: usize = 512;

/// The stacks between which the stub switches.
#[repr(C)]
#[derive(Default)]
pub struct Switched {
    /// The host's stack while wasm runs
    pub host: Cell<usize>,
    /// wasm's stack, or the call stack, while the host runs
    pub own: Cell<usize>,
    pub returns: ReturnStack,
}

/// The entries of a call on the processor's stack.
#[repr(C)]
#[derive(Default)]
pub struct ReturnStack {
    /// Number of frames that the stub takes off, besides its own
    pub taken: Cell<u32>,
    /// Number of wasm's frames that were taken off, and in whose place there is nothing; 0 for none
    lacking: Cell<u32>,
    /// An address above wasm's frames, in the frame of the function that calls wasm
    base: Cell<usize>,
}

impl ReturnStack {
    /// Notes an address in the frame of the function that calls wasm from now on.
    pub fn begin(&self, base: usize) {
        self.base.set(base);
        self.lacking.set(0);
    }

    /// Prepares the stub for a parking. `frame` is the address of its frame pointer, and `caller` that of the function that
    /// calls wasm. False if wasm has so many frames that a call with few imports had better not park.
    ///
    /// # Safety
    /// `frame` is on wasm's stack, above which there are only frames of wasm and the frame of `begin`.
    #[inline]
    pub unsafe fn park(&self, frame: *const usize, caller: usize, is_patient: bool) -> bool {
        if self.lacking.get() != 0 {
            self.taken.set(0);
            return true;
        }
        // SAFETY: by the contract of this function.
        let frames = unsafe { self.frames(frame, caller) };
        self.taken.set(if frames > MOST_TAKEN { 0 } else { frames });
        !is_patient || frames <= MOST_FRAMES
    }

    /// Number of addresses that the stub puts on the processor's stack before wasm goes on.
    #[inline]
    pub fn resume(&self, is_patient: bool) -> u32 {
        if self.lacking.get() != 0 {
            return 0;
        }
        let taken = self.taken.get();
        if is_patient {
            return taken;
        }
        self.lacking.set(taken.max(1));
        0
    }

    /// Puts addresses in the place of those of the host that wasm's returns have taken off.
    #[inline(always)]
    pub fn end(&self) {
        let lacking = self.lacking.get();
        if lacking != 0 {
            self.lacking.set(0);
            put(lacking);
        }
    }

    /// Number of return addresses of wasm's frames, up to one more than `MOST_TAKEN`.
    ///
    /// # Safety
    /// As for `park`.
    #[inline]
    unsafe fn frames(&self, frame: *const usize, caller: usize) -> u32 {
        let (mut at, mut count) = (frame, 0);
        loop {
            // SAFETY: by the contract of this function, code of wasm has saved its caller's frame pointer there.
            let outer = unsafe { *at };
            if outer <= at.addr() || outer >= self.base.get() || outer % size_of::<usize>() != 0 || count > MOST_TAKEN {
                break;
            }
            at = at.with_addr(outer);
            count += 1;
        }
        // SAFETY: as above; the return address follows.
        let returns_to = unsafe { *at.add(1) };
        // Singlepass has no frame pointer in the function that `caller` calls.
        count + u32::from(returns_to.wrapping_sub(caller) > CALLER)
    }
}

/// Puts addresses on the processor's stack.
#[cfg(all(unix, target_arch = "x86_64"))]
#[inline(always)]
fn put(count: u32) {
    // SAFETY: each call pushes a word, which is taken off. It does not go to the next instruction, or the processor would not
    // count it.
    unsafe {
        std::arch::asm!(
            "2:",
            "call 3f",
            "int3",
            "3:",
            "add rsp, 8",
            "dec {count:e}",
            "jnz 2b",
            count = inout(reg) count => _,
        );
    }
}

/// Does nothing: without a stub, the stack has no entry to take off.
#[cfg(not(all(unix, target_arch = "x86_64")))]
fn put(_count: u32) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack with frames of wasm that lie two words apart, each with its caller's frame pointer and its return address.
    fn stack(frames: usize, last_returns_to: usize) -> Vec<usize> {
        let mut words = vec![0; 2 * frames + 4];
        let start = words.as_ptr().addr();
        for frame in 0..frames {
            words[2 * frame] = start + (2 * frame + 2) * size_of::<usize>();
        }
        words[2 * frames + 1] = last_returns_to;
        words
    }

    #[test]
    fn a_call_with_few_imports_keeps_the_number_of_returns_and_others_lack_them_until_the_end() {
        const CALLING: usize = 1 << 20;
        for frames in 1..30 {
            for (returns_to, more) in [(CALLING + 40, 0), (7, 1)] {
                let words = stack(frames, returns_to);
                let returns = ReturnStack::default();
                returns.begin(words.as_ptr().addr() + words.len() * size_of::<usize>());
                let expected = frames as u32 + more;
                // SAFETY: `words` has frames as `park` expects them.
                let park = |is_patient| unsafe { returns.park(words.as_ptr(), CALLING, is_patient) };
                assert_eq!(park(true), expected <= MOST_FRAMES, "{frames} frames");
                let taken = if expected > MOST_TAKEN { 0 } else { expected };
                assert_eq!((returns.taken.get(), returns.resume(true)), (taken, taken));
                assert!(park(false));
                assert_eq!((returns.taken.get(), returns.resume(false)), (taken, 0));
                assert!(park(true), "nothing is left to take off");
                assert_eq!((returns.taken.get(), returns.resume(true)), (0, 0));
                returns.end();
                assert_eq!(park(true), expected <= MOST_FRAMES);
            }
        }
    }
}
