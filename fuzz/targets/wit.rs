//! Any WIT text, as a record and as a world: a type that is accepted equals itself, and its adapters are valid modules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use targets::abi::{TypedRecord, adapter, differences, differences_of_texts, records_of, world};
use targets::wasm::{Binary, Features};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let record = json!({
        "name": "a", "signature": "", "types": { "parameters": [], "results": [] }, "wit": text, "version": 2,
    });
    let declaration = serde_json::from_value(record).expect("it is a record");
    if let Ok(records) = records_of(&[declaration]) {
        assert_eq!(differences_of_texts(text, text), [] as [String; 0]);
        records.iter().for_each(check);
    }
    if let Ok(records) = world(text) {
        records.iter().for_each(check);
    }
});

fn check(record: &TypedRecord) {
    let function = &record.function;
    assert_eq!(differences(function, function), [] as [String; 0]);
    let json = serde_json::to_string(function).expect("a type is data");
    let again = serde_json::from_str(&json).expect("and comes back");
    assert_eq!(differences(function, &again), [] as [String; 0]);
    for checks in [[false, false], [true, true]] {
        let bytes = adapter(&again, true, checks);
        let binary = Binary::parse(&bytes, Features::EVERYTHING).expect("adapters are valid");
        assert_eq!(binary.exports.len(), 1);
    }
}
