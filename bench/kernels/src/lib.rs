//! Work for the bench: what plugins do with a CPU, by crates that plugins use. Each program under `bin` becomes a
//! module of its own. Its `run` does the work so many times and gives a checksum of the results, so that engines can
//! be compared, and nothing is left out. It has no `main`: what calls it is the bench.

pub mod data;

/// Mixes a result into a checksum.
pub fn mix(sum: u64, value: u64) -> u64 {
    (sum ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

/// A checksum of bytes, of which it reads few: the work is what is measured, and not this.
pub fn mix_bytes(sum: u64, bytes: &[u8]) -> u64 {
    let sum = mix(sum, bytes.len() as u64);
    bytes.iter().step_by(61).fold(sum, |sum, byte| mix(sum, (*byte).into()))
}

/// Does `work` so many times; `work` is told which round it is, so that none is like another.
pub fn rounds(count: u32, mut work: impl FnMut(u32) -> u64) -> u64 {
    (0..count).fold(0xcbf2_9ce4_8422_2325, |sum, round| mix(sum, work(round)))
}
