//! Hashing.
#![no_main]

use kernels::{data, rounds};
use std::sync::LazyLock;

static INPUT: LazyLock<Vec<u8>> = LazyLock::new(|| data::bytes(64 * 1024));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let input = &*INPUT;
    rounds(count, |round| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&round.to_le_bytes()).update(input);
        hasher.finalize().as_bytes().iter().fold(0, |sum, byte| sum << 5 ^ u64::from(*byte))
    })
}
