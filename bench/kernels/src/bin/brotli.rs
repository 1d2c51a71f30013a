//! Compression with a dictionary, there and back.
#![no_main]

use brotli::enc::BrotliEncoderParams;
use brotli::{BrotliCompress, BrotliDecompress};
use kernels::{data, mix_bytes, rounds};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| data::log(400));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = TEXT.as_bytes();
    let params = BrotliEncoderParams { quality: 5, ..BrotliEncoderParams::default() };
    rounds(count, |round| {
        let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
        BrotliCompress(&mut &text[round as usize % 64..], &mut packed, &params).expect("room in memory");
        BrotliDecompress(&mut &*packed, &mut unpacked).expect("what was packed");
        mix_bytes(mix_bytes(0, &packed), &unpacked)
    })
}
