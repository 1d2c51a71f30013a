//! Work for the bench: computations of plugins, with crates that plugins use. Each program under `bin` becomes a module
//! of its own. Its `run` does the work `count` times and returns a checksum of the results, so that engines can be
//! compared and no work is optimized away. It has no `main`: the bench calls `run`.

pub mod data;

/// Mixes a result into a checksum.
pub fn mix(sum: u64, value: u64) -> u64 {
    (sum ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

/// A checksum of some of the bytes: it must take little time, since it is not the work that is measured.
pub fn mix_bytes(sum: u64, bytes: &[u8]) -> u64 {
    let sum = mix(sum, bytes.len() as u64);
    bytes.iter().step_by(61).fold(sum, |sum, byte| mix(sum, (*byte).into()))
}

/// Does `work` `count` times. `work` gets the number of the round, so that no two rounds are alike.
pub fn rounds(count: u32, mut work: impl FnMut(u32) -> u64) -> u64 {
    (0..count).fold(0xcbf2_9ce4_8422_2325, |sum, round| mix(sum, work(round)))
}
