//! Fast compression, there and back.
#![no_main]

use kernels::{data, mix_bytes, rounds};
use lz4_flex::{compress_prepend_size, decompress_size_prepended};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| data::log(400));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = TEXT.as_bytes();
    rounds(count, |round| {
        let packed = compress_prepend_size(&text[round as usize % 64..]);
        let unpacked = decompress_size_prepended(&packed).expect("what was packed");
        mix_bytes(mix_bytes(0, &packed), &unpacked)
    })
}
