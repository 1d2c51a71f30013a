//! Searching with regular expressions, and their captures.
#![no_main]

use kernels::{data, mix, rounds};
use regex::Regex;
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| data::log(400));

/// A date and a level with captures, an address, a mail address, and a word boundary that ignores case.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = [
        r"(?m)^(\d{4})-(\d\d)-(\d\d) (WARN|ERROR)",
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
        r"[\w.]+@[\w.]+\.com",
        r"(?i)\b(?:zürich|shipped)\s+\w+",
    ];
    patterns.iter().map(|pattern| Regex::new(pattern).expect("a valid pattern")).collect()
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let (text, patterns) = (&**TEXT, &**PATTERNS);
    rounds(count, |round| {
        let text = &text[round as usize % 4..];
        patterns.iter().fold(0, |sum, pattern| {
            pattern.captures_iter(text).fold(sum, |sum, found| {
                let last = found.iter().flatten().last().expect("the match itself");
                mix(sum, (last.start() as u64) << 32 | last.end() as u64)
            })
        })
    })
}
