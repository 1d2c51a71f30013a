//! Another layout for dprint's JSON formatter. Each function replaces one inside the published module `@dprint/json`, and
//! has its WebAssembly signature. `examples/hot-patch.mjs` links them.
//!
//! The pointers refer to the formatter's memory, which this module cannot read. The values there are only borrowed, so
//! there is nothing to drop.

/// `Some(true)`, as rustc returns an `Option<bool>`.
const YES: u32 = 1;

/// Puts every array and object on several lines. Replaces the condition that `dprint_core` resolves in
/// `get_is_multi_line_for_multi_line`: `|context: &mut ConditionResolverContext| -> Option<bool>`.
#[unsafe(no_mangle)]
pub extern "C" fn always_several_lines(_captured: *const (), _context: *const ()) -> u32 {
    YES
}

/// Leaves out spaces. Replaces `dprint_core`'s `fn push_space(&mut self)` of `PrintItems`.
#[unsafe(no_mangle)]
pub extern "C" fn no_space(_items: *const ()) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_what_rustc_makes_of_it() {
        // SAFETY: an Option<bool> is one byte, and every byte of it is a u8.
        let byte = unsafe { std::mem::transmute::<Option<bool>, u8>(Some(true)) };
        assert_eq!(u32::from(byte), YES);
    }
}
