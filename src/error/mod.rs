//! Why something was refused or failed, as data: each kind has a stable code, a JavaScript class
//! and the properties that the error object carries.

mod kind;
mod message;
mod panic;
mod refused_change;
mod subject;
mod trace;

pub use kind::ErrorKind;
pub use message::merged;
pub use panic::Panic;
pub use refused_change::RefusedChange;
pub use subject::Subject;
pub use trace::{LinkedFunction, StackFrame, Trace, TracedFunction};

use message::{FULL_MEMORY, SMALL_MEMORY};
use serde_json::{Value, json};

/// A refusal or a failure.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Box<ErrorKind>,
}

/// The result of an operation that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl Error {
    /// A fault of this library.
    #[cold]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        ErrorKind::Internal { message: format!("internal error: {cause}") }.into()
    }

    /// The kind, with its data.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the error means that there was no room, or that a limit was reached.
    pub fn is_memory(&self) -> bool {
        matches!(*self.kind, ErrorKind::Memory { .. } | ErrorKind::Limit { .. })
    }

    /// Whether the error means that a limit was reached.
    pub fn is_limit(&self) -> bool {
        matches!(*self.kind, ErrorKind::Limit { .. })
    }

    /// The stable code, and the JavaScript class.
    pub fn code(&self) -> (&'static str, &'static str) {
        use ErrorKind as K;
        match *self.kind {
            K::InvalidWasm { .. } => ("ERR_RELINK_INVALID_WASM", "CompileError"),
            K::Unsupported { .. } => ("ERR_RELINK_UNSUPPORTED", "CompileError"),
            K::Declaration { .. } => ("ERR_RELINK_DECLARATION", "CompileError"),
            K::Compile { .. } => ("ERR_RELINK_COMPILE", "CompileError"),
            K::Import { .. } => ("ERR_RELINK_IMPORT", "LinkError"),
            K::SignatureHash { .. } => ("ERR_RELINK_SIGNATURE_HASH", "LinkError"),
            K::Signature { .. } => ("ERR_RELINK_SIGNATURE", "LinkError"),
            K::CallSite { .. } | K::Entries { .. } => ("ERR_RELINK_SIGNATURE", "LinkError"),
            K::Abi { .. } | K::Types { .. } | K::Memories { .. } => ("ERR_RELINK_ABI", "LinkError"),
            K::OtherStore(_) => ("ERR_RELINK_STORE", "LinkError"),
            K::Closed(_) => ("ERR_RELINK_CLOSED", "LinkError"),
            K::ClosedCall | K::ClosedObject { .. } | K::ClosedStore => ("ERR_RELINK_CLOSED", "RuntimeError"),
            K::Compiler { .. } => ("ERR_RELINK_COMPILER", "LinkError"),
            K::Cycle { .. } => ("ERR_RELINK_CYCLE", "LinkError"),
            K::Merged { .. } => ("ERR_RELINK_MERGED", "LinkError"),
            K::Duplicate { .. } => ("ERR_RELINK_DUPLICATE", "LinkError"),
            K::Undone { .. } => ("ERR_RELINK_UNDONE", "LinkError"),
            K::Order { .. } => ("ERR_RELINK_ORDER", "LinkError"),
            K::Changed { .. } => ("ERR_RELINK_CHANGED", "LinkError"),
            K::Refused { .. } => ("ERR_RELINK_REFUSED", "LinkError"),
            K::Trap { .. } => ("ERR_RELINK_TRAP", "RuntimeError"),
            K::Suspend { .. } => ("ERR_RELINK_SUSPEND", "SuspendError"),
            K::Timeout { .. } => ("ERR_RELINK_TIMEOUT", "RuntimeError"),
            K::Interrupted { .. } => ("ERR_RELINK_INTERRUPTED", "RuntimeError"),
            K::WasiExit { .. } => ("ERR_RELINK_WASI_EXIT", "RuntimeError"),
            K::WasiOption { code, .. } => (code, "TypeError"),
            K::Internal { .. } => ("ERR_RELINK_INTERNAL", "RuntimeError"),
            K::ArgumentType { .. } => ("ERR_INVALID_ARG_TYPE", "TypeError"),
            K::ArgumentValue { .. } => ("ERR_INVALID_ARG_VALUE", "TypeError"),
            K::UnsupportedValue { .. } => ("ERR_RELINK_UNSUPPORTED", "TypeError"),
            K::OutOfRange { .. } => ("ERR_OUT_OF_RANGE", "RangeError"),
            K::Memory { .. } | K::AddressSpace { .. } => ("ERR_RELINK_MEMORY", "RangeError"),
            K::Limit { .. } => ("ERR_RELINK_LIMIT", "RangeError"),
            K::SmallMemory { .. } => ("ERR_RELINK_IMPORT", "LinkError"),
            K::Cache { .. } => ("ERR_RELINK_CACHE", "Error"),
        }
    }

    fn details(&self) -> Value {
        use ErrorKind as K;
        match &*self.kind {
            K::InvalidWasm { offset, .. } => json!({ "offset": offset }),
            K::Import { module, field, expected, actual } => {
                json!({ "module": module, "field": field, "expected": expected, "actual": actual })
            }
            K::Limit { limit, value, asked, .. } => json!({ "limit": limit, "value": value, "asked": asked }),
            K::AddressSpace { .. } => json!({ "reserve": "full" }),
            K::SmallMemory { module, field } => {
                json!({
                    "module": module,
                    "field": field,
                    "expected": FULL_MEMORY,
                    "actual": SMALL_MEMORY,
                    "reserve": "full",
                })
            }
            K::SignatureHash { first, second } => json!({ "expected": first, "actual": second }),
            K::Signature { slot, expected, actual, .. } | K::Abi { slot, expected, actual } => {
                json!({ "slot": slot, "expected": expected, "actual": actual })
            }
            K::CallSite { slot, types, actual } => {
                let actual = actual.as_deref().unwrap_or("a JavaScript function");
                json!({ "slot": slot, "expected": types.join(" or "), "actual": actual, "candidates": types })
            }
            K::Memories { slot, types } => json!({ "slot": slot, "expected": types }),
            K::Types { slot, expected, actual, differences } => {
                json!({ "slot": slot, "expected": expected, "actual": actual, "differences": differences })
            }
            K::Compiler { expected, actual, .. } => json!({ "expected": expected, "actual": actual }),
            K::OtherStore(subject) | K::Closed(subject) => subject.details(),
            K::Cycle { slot }
            | K::Duplicate { slot }
            | K::Entries { slot, .. }
            | K::Undone { slot }
            | K::Order { slot }
            | K::Changed { slot } => {
                json!({ "slot": slot })
            }
            K::Merged { slot, names } => json!({ "slot": slot, "candidates": names }),
            K::Refused { changes } => {
                let list = changes.iter().map(|change| {
                    let mut refusal = change.properties.clone();
                    refusal["index"] = json!(change.index);
                    refusal
                });
                json!({ "refusals": list.collect::<Vec<_>>() })
            }
            K::Trap { trap, panic, link, .. } => {
                let mut details = json!({ "trap": trap });
                if let Some(panic) = panic {
                    details["panic"] = panic.to_json();
                }
                if let Some(link) = link {
                    details["slot"] = json!(link.slot);
                    details["implementation"] = json!(link.implementation);
                }
                details
            }
            K::WasiExit { code } => json!({ "exitCode": code }),
            K::WasiOption { option, .. } => json!({ "option": option }),
            K::Timeout { timeout, .. } => json!({ "timeout": timeout }),
            K::Interrupted { reason, .. } => json!({ "reason": reason }),
            _ => json!({}),
        }
    }

    /// The JSON from which `lib/errors.js` builds the error: class, code, message, properties, and at most
    /// `most_frames` frames of the wasm stack.
    pub fn to_json(&self, most_frames: usize) -> String {
        let (code, class) = self.code();
        let frames = match &*self.kind {
            ErrorKind::Trap { trace: Some(trace), .. }
            | ErrorKind::Timeout { trace: Some(trace), .. }
            | ErrorKind::Interrupted { trace: Some(trace), .. } => trace
                .frames(most_frames)
                .iter()
                .map(|frame| json!({ "name": frame.name, "index": frame.index, "offset": frame.offset }))
                .collect(),
            _ => Vec::new(),
        };
        json!({
            "class": class,
            "code": code,
            "message": self.to_string(),
            "details": self.details(),
            "frames": frames,
        })
        .to_string()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_lists_the_first_of_many() {
        let names = |count: usize| (0..count).map(|index| format!("f{index}")).collect::<Vec<_>>();
        let refusal = |count| Error::from(ErrorKind::Merged { slot: "f0".into(), names: names(count) });
        assert!(refusal(10).to_string().contains("\"f8\" and \"f9\": the compiler"));
        assert!(refusal(20_000).to_string().contains("\"f8\" and \"f9\" and 19990 more: the compiler"));
        let changes = (0..).zip(names(12)).map(|(index, slot)| RefusedChange::new(index, &slot, &refusal(20_000)));
        let refused = Error::from(ErrorKind::Refused { changes: changes.collect() });
        let message = refused.to_string();
        assert!(message.starts_with("12 of the changes cannot be made, so none was made: [0] slot \"f0\""));
        assert!(message.ends_with(" and 2 more") && !message.contains("[10]"), "{message}");
    }

    #[test]
    fn json_carries_class_code_and_properties() {
        let (expected, actual) = ("(i32)".into(), "(i64)".into());
        let error = Error::from(ErrorKind::Signature { slot: "a::f".into(), expected, actual, is_called: false });
        let json: Value = serde_json::from_str(&error.to_json(10)).unwrap();
        assert_eq!(json["class"], "LinkError");
        assert_eq!(json["code"], "ERR_RELINK_SIGNATURE");
        assert_eq!(json["details"]["expected"], "(i32)");
        assert_eq!(json["message"], "slot \"a::f\" takes a function of type (i32), got (i64)");
        let refused = Error::from(ErrorKind::Refused { changes: vec![RefusedChange::new(3, "a::f", &error)] });
        let json: Value = serde_json::from_str(&refused.to_json(10)).unwrap();
        assert_eq!(json["details"]["refusals"][0]["index"], 3);
        assert_eq!(json["details"]["refusals"][0]["actual"], "(i64)");
    }
}
