//! Any module, through the rest of the load-time pass in the order in which compilers need it: the result is valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::rewrite::{
    Options, Selection, check_limits, compare_branches, cut_chains, is_near_limits, modernize, outline_atomics,
    replace_tail_calls, rewrite, spell_out_elements, strip_custom_sections, tier_up_module, why_no_tier_up,
    without_functions,
};
use targets::wasm::{Binary, Features, costly_functions, most_values, section_sizes};

fuzz_target!(|bytes: &[u8]| {
    let Ok(binary) = Binary::parse(bytes, Features::EVERYTHING) else { return };
    most_values(bytes).expect("a valid module is read");
    section_sizes(bytes).expect("a valid module is read");
    is_near_limits(bytes, &binary).expect("a valid module is read");
    let parameters = |function| binary.function_type(function).parameters.len();
    costly_functions(bytes, binary.imported_functions, parameters).expect("a valid module is read");
    without_functions(bytes).expect("a valid module is read");
    let tiers_up = why_no_tier_up(bytes, &binary).expect("a valid module is read").is_none();
    for tiered in [false, tiers_up] {
        let options = Options { selection: Selection::Default, forward_float_imports: true };
        let Ok(mut rewritten) = rewrite(bytes, &binary, &options) else { return };
        if tiered {
            rewritten.bytes = match tier_up_module(&rewritten.bytes, &mut rewritten.binary) {
                Ok(bytes) => bytes.into(),
                Err(_) => continue,
            };
        }
        spell_out_elements(&mut rewritten).expect("a valid module is transformed");
        cut_chains(&mut rewritten).expect("a valid module is transformed");
        if binary.legacy_exceptions {
            modernize(&mut rewritten).expect("legacy exceptions are translated");
        }
        if binary.tail_calls && replace_tail_calls(&mut rewritten).is_err() {
            continue;
        }
        compare_branches(&mut rewritten).expect("a valid module is transformed");
        outline_atomics(&mut rewritten).expect("a valid module is transformed");
        // A module at the limits of the specification may be beyond them afterwards, which the check refuses.
        if check_limits(&rewritten.bytes, &rewritten.binary).is_err() {
            continue;
        }
        let again = Binary::parse(&rewritten.bytes, Features::EVERYTHING).expect("the pass makes valid modules");
        assert_eq!(again.functions, rewritten.binary.functions);
        strip_custom_sections(&rewritten.bytes).expect("a valid module is read");
    }
});
