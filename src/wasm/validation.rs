//! Validation that calls a check now and then: large modules take seconds.

use crate::error::Result;
use wasmparser::{BinaryReaderError, FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures};

/// Bytes of functions between two checks.
const PIECE: u64 = 256 << 10;

/// Validates a module as `Validator::validate_all` does.
///
/// # Errors
/// The errors of `check`. The inner error says why the module is not valid.
pub fn validate(
    bytes: &[u8],
    features: WasmFeatures,
    check: &dyn Fn() -> Result<()>,
) -> Result<std::result::Result<(), BinaryReaderError>> {
    let mut stopped = Ok(());
    let valid = run(bytes, features, || {
        stopped = check();
        stopped.is_ok()
    });
    stopped.map(|()| valid)
}

/// Runs until `goes_on` returns false.
fn run(
    bytes: &[u8],
    features: WasmFeatures,
    mut goes_on: impl FnMut() -> bool,
) -> std::result::Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut functions = Vec::new();
    for payload in parser.parse_all(bytes) {
        match validator.payload(&payload?)? {
            ValidPayload::Func(function, body) => functions.push((function, body)),
            _ if !goes_on() => return Ok(()),
            _ => {}
        }
    }
    let (mut allocations, mut piece) = (FuncValidatorAllocations::default(), 0);
    for (function, body) in functions {
        let mut validator = function.into_validator(allocations);
        validator.validate(&body)?;
        allocations = validator.into_allocations();
        let range = body.range();
        piece += range.end - range.start;
        if piece >= PIECE && !goes_on() {
            return Ok(());
        }
        piece %= PIECE;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::cell::Cell;
    use std::fmt::Write;

    /// More functions than a piece has.
    fn long() -> Vec<u8> {
        let mut text = "(module".to_owned();
        for _ in 0..1000 {
            write!(text, "(func {})", "(drop (i32.const 1))".repeat(300)).unwrap();
        }
        wat::parse_str(text + ")").unwrap()
    }

    #[test]
    fn a_check_stops_it_at_any_of_its_calls() {
        let (bytes, calls) = (long(), Cell::new(0));
        let stopping_at = |most| {
            calls.set(0);
            let check = || {
                calls.set(calls.get() + 1);
                let late = || ErrorKind::Internal { message: "late".to_owned() }.into();
                if calls.get() < most { Ok(()) } else { Err(late()) }
            };
            validate(&bytes, WasmFeatures::all(), &check)
        };
        assert!(stopping_at(usize::MAX).unwrap().is_ok());
        let all = calls.get();
        assert!(all > 6, "once for each section, and between functions: {all}");
        for most in 1..=all {
            assert!(stopping_at(most).is_err());
            assert_eq!(calls.get(), most);
        }
    }

    #[test]
    fn it_is_the_validation_of_the_parser() {
        let bytes = long();
        for length in (0..bytes.len()).step_by(9973).chain([bytes.len() - 1]) {
            let ours = validate(&bytes[..length], WasmFeatures::all(), &|| Ok(())).unwrap().unwrap_err();
            let parsers = Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes[..length]);
            assert_eq!(ours.to_string(), parsers.map(drop).unwrap_err().to_string());
        }
    }
}
