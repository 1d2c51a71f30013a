//! Work for the bench: what plugins do with a CPU, by crates that plugins use. Each function does its work
//! `rounds` times and gives a checksum of the results, so that engines can be compared, and nothing is left out.

mod data;
mod deflate;
mod hash;
mod json;
mod search;

/// Mixes a result into a checksum.
fn mix(sum: u64, value: u64) -> u64 {
    (sum ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Does `work` `rounds` times; `work` is told which round it is, so that none is like another.
fn rounds(rounds: u32, mut work: impl FnMut(u32) -> u64) -> u64 {
    (0..rounds).fold(0xcbf2_9ce4_8422_2325, |sum, round| mix(sum, work(round)))
}
