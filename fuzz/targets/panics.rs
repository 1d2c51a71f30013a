//! Any memory of a guest that trapped: the panic in it is found or not, and the words to clear lie in the range.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::wasm::PanickedGuest;

const FORMATS: [&str; 6] = [
    "<u32 as core::fmt::Display>::fmt",
    "<i32 as core::fmt::Debug>::fmt",
    "<u64 as core::fmt::Display>::fmt",
    "<bool as core::fmt::Display>::fmt",
    "<&str as core::fmt::Display>::fmt",
    "<alloc::string::String as core::fmt::Display>::fmt",
];

fuzz_target!(|memory: &[u8]| {
    let function = |entry: u32| FORMATS.get(entry as usize % (FORMATS.len() + 1)).map(|&name| name.to_owned());
    let guest = PanickedGuest { memory, function: &function };
    let length = memory.len() as u32;
    for range in [0..length, 0..u32::MAX, length / 8 * 4..length] {
        if let Some((panic, words)) = guest.on_stack(range.clone()) {
            assert!(panic.line > 0 && panic.column > 0);
            assert!(!words.is_empty() && words.iter().all(|word| range.contains(word)));
        }
    }
    for record in [0, 4, length / 2, length, u32::MAX - 3] {
        if let Some(panic) = guest.recorded(record) {
            assert!(panic.line > 0);
        }
    }
});
