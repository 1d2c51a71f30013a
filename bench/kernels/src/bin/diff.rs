//! The differences between two texts, by line and then within each line.
#![no_main]

use kernels::data::{self, Random};
use kernels::{mix, rounds};
use similar::{ChangeTag, TextDiff};
use std::sync::LazyLock;

static TEXTS: LazyLock<(String, String)> = LazyLock::new(|| {
    let mut random = Random::new(10);
    let old = data::log(150);
    let new = old.lines().fold(String::new(), |mut new, line| {
        match random.below(10) {
            0 => new.push_str(&format!("{}\n", line.replace("order", "sale"))),
            1 => {}
            2 => new.push_str(&format!("{line}\nand another one\n")),
            _ => new.push_str(&format!("{line}\n")),
        }
        new
    });
    (old, new)
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let (old, new) = &*TEXTS;
    rounds(count, |round| {
        let diff = TextDiff::from_lines(&old[round as usize % 3..], new);
        let changes = diff.ops().iter().flat_map(|op| diff.iter_inline_changes(op));
        changes.fold(0, |sum, change| {
            let kind = match change.tag() {
                ChangeTag::Equal => 0,
                ChangeTag::Delete => 1,
                ChangeTag::Insert => 2,
            };
            change.iter_strings_lossy().fold(mix(sum, kind), |sum, (_, text)| mix(sum, text.len() as u64))
        })
    })
}
