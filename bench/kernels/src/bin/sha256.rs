//! Hashing.
#![no_main]

use kernels::{data, rounds};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

static INPUT: LazyLock<Vec<u8>> = LazyLock::new(|| data::bytes(64 * 1024));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let input = &*INPUT;
    rounds(count, |round| {
        let digest = Sha256::new().chain_update(round.to_le_bytes()).chain_update(input).finalize();
        digest.iter().fold(0, |sum, byte| sum << 5 ^ u64::from(*byte))
    })
}
