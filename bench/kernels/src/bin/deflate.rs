//! Compression, there and back.
#![no_main]

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use kernels::{data, mix_bytes, rounds};
use std::io::{Read, Write};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| data::log(400));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = TEXT.as_bytes();
    rounds(count, |round| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&round.to_le_bytes()).and_then(|()| encoder.write_all(text)).expect("room in memory");
        let packed = encoder.finish().expect("room in memory");
        let mut unpacked = Vec::new();
        DeflateDecoder::new(&*packed).read_to_end(&mut unpacked).expect("what was packed");
        mix_bytes(mix_bytes(0, &packed), &unpacked)
    })
}
