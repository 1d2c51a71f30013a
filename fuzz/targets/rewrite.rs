//! Any bytes and any selection of slots: the pass rewrites each module that it accepts, and accepts its own output, also
//! without its tail calls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::rewrite::{Options, Selection, modernize, others, replace_tail_calls, rewrite};
use targets::wasm::{Binary, Features};

const WITHOUT_TAIL_CALLS: Features = Features { tail_calls: false, ..Features::EVERYTHING };

fuzz_target!(|bytes: &[u8]| {
    let Ok(binary) = Binary::parse(bytes, Features::EVERYTHING) else { return };
    for selection in [Selection::None, Selection::Default, Selection::All] {
        for forward_float_imports in [false, true] {
            let options = Options { selection: selection.clone(), forward_float_imports };
            let Ok(mut rewritten) = rewrite(bytes, &binary, &options) else { continue };
            let again = Binary::parse(&rewritten.bytes, Features::EVERYTHING).expect("the pass makes valid modules");
            assert_eq!(again.functions.len(), rewritten.binary.functions.len());
            assert_eq!(again.imports.len(), rewritten.binary.imports.len());
            assert_eq!(again.exports.len(), binary.exports.len());
            let left = others(&binary, binary.name_section(bytes), &rewritten.slots, &rewritten.details.roles);
            assert!(left.len() <= binary.functions.len());
            if binary.legacy_exceptions {
                modernize(&mut rewritten).expect("legacy exceptions are translated");
            }
            if replace_tail_calls(&mut rewritten).is_ok() {
                let again = Binary::parse(&rewritten.bytes, WITHOUT_TAIL_CALLS).expect("tail calls are replaced");
                assert_eq!(again.functions, rewritten.binary.functions);
                assert_eq!(again.globals, rewritten.binary.globals);
            }
        }
    }
});
