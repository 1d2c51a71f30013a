//! Any text as a manifest: mistakes have paths, and a result has each module once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::HashSet;
use targets::manifest::check_manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match check_manifest(text) {
        Ok(manifest) => {
            let given: Value = serde_json::from_str(text).expect("it is JSON");
            let modules = manifest["modules"].as_array().expect("a list of modules");
            let names: HashSet<_> = modules.iter().filter_map(|module| module["name"].as_str()).collect();
            assert_eq!(names.len(), modules.len());
            assert_eq!(given["modules"].as_object().expect("an object of modules").len(), modules.len());
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|mistake| mistake.path.starts_with('$') && !mistake.message.is_empty()));
        }
    }
});
