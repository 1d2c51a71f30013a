//! Searching for many words at once.
#![no_main]

use aho_corasick::{AhoCorasick, MatchKind};
use kernels::data::{self, Random};
use kernels::{mix, rounds};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| data::log(400));

static SEARCHER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let mut random = Random::new(6);
    let mut words: Vec<String> =
        ["discount", "Zürich", "ERROR", "example", "ship", "shipped"].map(str::to_owned).into();
    words.extend((0..200).map(|_| format!("user{}@", random.below(999))));
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(words).expect("words that have room")
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let (text, searcher) = (&**TEXT, &*SEARCHER);
    rounds(count, |round| {
        let text = &text[round as usize % 4..];
        searcher.find_iter(text).fold(0, |sum, found| mix(sum, (found.pattern().as_u64()) << 32 | found.end() as u64))
    })
}
