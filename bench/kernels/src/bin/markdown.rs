//! Markdown to HTML.
#![no_main]

use kernels::data::{self, Random};
use kernels::{mix_bytes, rounds};
use pulldown_cmark::{Options, Parser, html};
use std::sync::LazyLock;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut random = Random::new(8);
    let prose = data::prose(40);
    let mut text = String::new();
    for (number, paragraph) in prose.split("\n\n").enumerate() {
        text.push_str(&format!("## Chapter {number}\n\n*{paragraph}*\n\n"));
        text.push_str("| name | [price](https://example.com/p?a=1) |\n|---|--:|\n");
        for row in 0..random.below(6) {
            text.push_str(&format!("| `row{row}` | **{}** |\n", random.below(100)));
        }
        text.push_str("\n1. one\n   - [x] two & three\n   - four\\_five\n\n> a quote <b>with</b> HTML\n\n");
        text.push_str("```rust\nfn main() { println!(\"{}\", 1 < 2); }\n```\n\n");
    }
    text
});

#[unsafe(no_mangle)]
pub extern "C" fn run(count: u32) -> u64 {
    let text = &**TEXT;
    rounds(count, |round| {
        let text = &text[round as usize % 3..];
        let mut page = String::new();
        html::push_html(&mut page, Parser::new_ext(text, Options::all()));
        mix_bytes(0, page.as_bytes())
    })
}
