//! Another layout for dprint's JSON formatter: each function is an implementation for one inside the module that is
//! published as `@dprint/json`, and has its signature in WebAssembly. `examples/hot-patch.mjs` links them.
//!
//! The pointers belong to the formatter's memory, which is not this module's: nothing here may follow them. What they
//! point to is only borrowed, so there is nothing to drop either.

/// `Some(true)`, as rustc returns an `Option<bool>`.
const YES: u32 = 1;

/// Should an array or object go over several lines? Always. For the condition that `dprint_core` resolves in
/// `get_is_multi_line_for_multi_line`: `|context: &mut ConditionResolverContext| -> Option<bool>`.
#[unsafe(no_mangle)]
pub extern "C" fn always_several_lines(_captured: *const (), _context: *const ()) -> u32 {
    YES
}

/// Puts no space where the formatter puts one. For `dprint_core`'s `fn push_space(&mut self)` of `PrintItems`.
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
