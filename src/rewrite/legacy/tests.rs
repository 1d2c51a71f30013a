use super::*;
use crate::wasm::Features;

/// Translates, and checks that what comes out is valid without the legacy proposal.
fn modern(text: &str) -> Vec<u8> {
    let bytes = wat::parse_str(text).unwrap();
    let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
    assert!(binary.exceptions && binary.legacy_exceptions);
    let bytes = modernize(&bytes, &binary).unwrap();
    let again = Binary::parse(&bytes, Features::EVERYTHING).expect("what is made is valid");
    assert!(again.exceptions && !again.legacy_exceptions);
    assert_eq!(again.functions, binary.functions);
    bytes
}
