//! Any file as an entry of the disk cache: it is read or it is not, and it is never taken for a sealed one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::engine::read_entry;

fuzz_target!(|bytes: &[u8]| {
    read_entry(bytes);
});
