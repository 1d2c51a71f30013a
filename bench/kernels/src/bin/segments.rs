//! Text, split into the characters, words and sentences of Unicode.
#![no_main]

use kernels::{data, mix, rounds};
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation;

static TEXT: LazyLock<String> = LazyLock::new(|| data::prose(30));

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = &**TEXT;
    rounds(count, |round| {
        let text = &text[round as usize % 3..];
        let sum = text.graphemes(true).fold(0, |sum, grapheme| mix(sum, grapheme.len() as u64));
        let sum = text.unicode_words().fold(sum, |sum, word| mix(sum, word.len() as u64));
        text.unicode_sentences().fold(sum, |sum, sentence| mix(sum, sentence.len() as u64))
    })
}
