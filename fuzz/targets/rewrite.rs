//! Any bytes and any selection of slots: the pass rewrites each module that it accepts, and accepts its own output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::rewrite::{Options, Selection, others, rewrite};
use targets::wasm::{Binary, Features};

fuzz_target!(|bytes: &[u8]| {
    let Ok(binary) = Binary::parse(bytes, Features::EVERYTHING) else { return };
    for selection in [Selection::None, Selection::Default, Selection::All] {
        for forward_float_imports in [false, true] {
            let options = Options { selection: selection.clone(), forward_float_imports };
            let Ok(rewritten) = rewrite(bytes, &binary, &options) else { continue };
            let again = Binary::parse(&rewritten.bytes, Features::EVERYTHING).expect("the pass makes valid modules");
            assert_eq!(again.functions.len(), rewritten.binary.functions.len());
            assert_eq!(again.imports.len(), rewritten.binary.imports.len());
            assert_eq!(again.exports.len(), binary.exports.len());
            let left = others(&binary, binary.name_section(bytes), &rewritten.slots, &rewritten.details.roles);
            assert!(left.len() <= binary.functions.len());
        }
    }
});
