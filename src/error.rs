//! Why something was refused or failed, as data: each kind has a stable code, a JavaScript class
//! and the properties that the error object carries.

use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// A refusal or a failure.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Box<ErrorKind>,
}

/// The result of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A wasm function on the stack of a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The demangled name, if the module has a name section
    pub name: Option<String>,
    /// The function's index in the module as it was loaded
    pub index: u32,
    /// Byte offset in that module
    pub offset: u32,
}

/// The wasm functions on the stack of a trap. Most are never asked for, so they are looked up when they are.
pub trait Trace: fmt::Debug + Send + Sync {
    /// The innermost of them, so many at the most.
    fn frames(&self, most: usize) -> Vec<StackFrame>;
}

/// What an error is about.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A slot, by its name
    Slot(String),
    /// What was to be linked into the slot of this name
    Implementation(String),
    /// The function that was given for an import
    Import {
        /// The module that it is asked of
        module: String,
        /// Its name there
        field: String,
    },
    /// A function that was given as a value
    Function,
}

impl Subject {
    fn details(&self) -> Value {
        match self {
            Self::Slot(slot) | Self::Implementation(slot) => json!({ "slot": slot }),
            Self::Import { module, field } => json!({ "module": module, "field": field }),
            Self::Function => json!({}),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot \"{slot}\""),
            Self::Implementation(slot) => write!(f, "the implementation for slot \"{slot}\""),
            Self::Import { module, field } => write!(f, "the function for import \"{module}\".\"{field}\""),
            Self::Function => f.write_str("the function"),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's message and docs/errors.md say it
pub enum ErrorKind {
    InvalidWasm { message: String, offset: u64 },
    Unsupported { message: String },
    Declaration { message: String },
    Compile { message: String },
    Import { module: String, field: String, expected: String, actual: String },
    SignatureHash { first: String, second: String },
    Signature { slot: String, expected: String, actual: String },
    Abi { slot: String, expected: String, actual: String },
    OtherStore(Subject),
    Closed(Subject),
    ClosedCall,
    ClosedObject { what: &'static str },
    ClosedStore,
    Compiler { what: String, expected: &'static str, actual: &'static str },
    Cycle { slot: String },
    Merged { slot: String, names: Vec<String> },
    EmptySlot { slot: String },
    Undone { slot: String },
    Order { slot: String },
    Changed { slot: String },
    Refused { refusals: Vec<(usize, String, Error)> },
    Trap { trap: &'static str, message: String, trace: Option<Arc<dyn Trace>> },
    Internal { message: String },
    ArgumentType { message: String },
    ArgumentValue { message: String },
    UnsupportedValue { message: String },
    OutOfRange { message: String },
    Memory { message: String },
    Cache { message: String },
}

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl Error {
    /// What went wrong, as data.
    #[cfg(test)]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether there was no room.
    pub fn is_memory(&self) -> bool {
        matches!(*self.kind, ErrorKind::Memory { .. })
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
            K::Abi { .. } => ("ERR_RELINK_ABI", "LinkError"),
            K::OtherStore(_) => ("ERR_RELINK_STORE", "LinkError"),
            K::Closed(_) => ("ERR_RELINK_CLOSED", "LinkError"),
            K::ClosedCall | K::ClosedObject { .. } | K::ClosedStore => ("ERR_RELINK_CLOSED", "RuntimeError"),
            K::Compiler { .. } => ("ERR_RELINK_COMPILER", "LinkError"),
            K::Cycle { .. } => ("ERR_RELINK_CYCLE", "LinkError"),
            K::Merged { .. } => ("ERR_RELINK_MERGED", "LinkError"),
            K::EmptySlot { .. } => ("ERR_RELINK_EMPTY_SLOT", "LinkError"),
            K::Undone { .. } => ("ERR_RELINK_UNDONE", "LinkError"),
            K::Order { .. } => ("ERR_RELINK_ORDER", "LinkError"),
            K::Changed { .. } => ("ERR_RELINK_CHANGED", "LinkError"),
            K::Refused { .. } => ("ERR_RELINK_REFUSED", "LinkError"),
            K::Trap { .. } => ("ERR_RELINK_TRAP", "RuntimeError"),
            K::Internal { .. } => ("ERR_RELINK_INTERNAL", "RuntimeError"),
            K::ArgumentType { .. } => ("ERR_INVALID_ARG_TYPE", "TypeError"),
            K::ArgumentValue { .. } => ("ERR_INVALID_ARG_VALUE", "TypeError"),
            K::UnsupportedValue { .. } => ("ERR_RELINK_UNSUPPORTED", "TypeError"),
            K::OutOfRange { .. } => ("ERR_OUT_OF_RANGE", "RangeError"),
            K::Memory { .. } => ("ERR_RELINK_MEMORY", "RangeError"),
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
            K::SignatureHash { first, second } => json!({ "expected": first, "actual": second }),
            K::Signature { slot, expected, actual } | K::Abi { slot, expected, actual } => {
                json!({ "slot": slot, "expected": expected, "actual": actual })
            }
            K::Compiler { expected, actual, .. } => json!({ "expected": expected, "actual": actual }),
            K::OtherStore(subject) | K::Closed(subject) => subject.details(),
            K::Cycle { slot }
            | K::EmptySlot { slot }
            | K::Undone { slot }
            | K::Order { slot }
            | K::Changed { slot } => {
                json!({ "slot": slot })
            }
            K::Merged { slot, names } => json!({ "slot": slot, "candidates": names }),
            K::Refused { refusals } => {
                let list = refusals.iter().map(|(index, slot, error)| {
                    let (code, _) = error.code();
                    let mut refusal = error.details();
                    refusal["index"] = json!(index);
                    refusal["slot"] = json!(slot);
                    refusal["code"] = json!(code);
                    refusal["message"] = json!(error.to_string());
                    refusal
                });
                json!({ "refusals": list.collect::<Vec<_>>() })
            }
            K::Trap { trap, .. } => json!({ "trap": trap }),
            _ => json!({}),
        }
    }

    /// The error as `lib/errors.js` builds it: class, code, message, properties, and so many frames of the wasm stack at the
    /// most.
    pub fn to_json(&self, most_frames: usize) -> String {
        let (code, class) = self.code();
        let frames = match &*self.kind {
            ErrorKind::Trap { trace: Some(trace), .. } => trace
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ErrorKind as K;
        match &*self.kind {
            K::InvalidWasm { message, offset } => write!(f, "{message} (at offset {offset:#x})"),
            K::Unsupported { message }
            | K::Compile { message }
            | K::Internal { message }
            | K::ArgumentType { message }
            | K::ArgumentValue { message }
            | K::UnsupportedValue { message }
            | K::OutOfRange { message }
            | K::Memory { message }
            | K::Cache { message }
            | K::Trap { message, .. } => f.write_str(message),
            K::Declaration { message } => write!(f, "bad declaration of a slot: {message}"),
            K::Import { module, field, expected, actual } => {
                write!(f, "import \"{module}\".\"{field}\": expected {expected}, got {actual}")
            }
            K::SignatureHash { first, second } => write!(
                f,
                "the function types {first} and {second} have the same signature hash, so that the engine could not \
                 tell them apart: this module cannot live in this store"
            ),
            K::Signature { slot, expected, actual } => {
                write!(f, "slot \"{slot}\" takes a function of type {expected}, got {actual}")
            }
            K::Abi { slot, expected, actual } => write!(
                f,
                "slot \"{slot}\" is declared as {expected} in Rust, the implementation as {actual}: \
                 WebAssembly cannot tell them apart, but their values mean different things"
            ),
            K::OtherStore(subject) => {
                write!(f, "{subject} belongs to another store: instances of different stores do not mix")
            }
            K::Closed(subject) => write!(f, "{subject} belongs to an instance that is closed"),
            K::ClosedCall => f.write_str("the instance of this function is closed"),
            K::ClosedObject { what } => write!(f, "the instance of this {what} is closed"),
            K::ClosedStore => f.write_str("the store is closed"),
            K::Compiler { what, expected, actual } => write!(
                f,
                "{what} is for code of the compiler {actual}, which code of {expected} cannot share: compile both \
                 modules with one compiler"
            ),
            K::Cycle { slot } => write!(
                f,
                "this implementation calls slot \"{slot}\" and nothing else, so that it would call itself for ever; \
                 take the slot's `original`"
            ),
            K::Merged { slot, names } => write!(
                f,
                "slot \"{slot}\" is one function for {}: the compiler merged them, and all would change; say \
                 {{ merged: true }} if that is meant",
                listed(names, " and ", |name| format!("\"{name}\""))
            ),
            K::EmptySlot { slot } => {
                write!(
                    f,
                    "slot \"{slot}\" is an empty table entry: it has no type to check against; fill it with table.set"
                )
            }
            K::Undone { slot } => write!(f, "this link of slot \"{slot}\" has been undone already"),
            K::Order { slot } => write!(
                f,
                "slot \"{slot}\" was linked again after this link: undo the later links first, or reset the slot"
            ),
            K::Changed { slot } => write!(
                f,
                "slot \"{slot}\" no longer holds the implementation of this link: the table entry was written since; \
                 reset the slot to get its original back"
            ),
            K::Refused { refusals } => {
                let list = listed(refusals, "; ", |(index, _, error)| format!("[{index}] {error}"));
                write!(f, "{} of the changes cannot be made, so none was made: {list}", refusals.len())
            }
        }
    }
}

/// How many things a message lists: a module may have any number of them.
const LISTED: usize = 10;

/// The first of `all` in words, and how many more there are.
fn listed<T>(all: &[T], between: &str, in_words: impl Fn(&T) -> String) -> String {
    let list: Vec<_> = all.iter().take(LISTED).map(in_words).collect();
    match all.len().saturating_sub(LISTED) {
        0 => list.join(between),
        more => format!("{} and {more} more", list.join(between)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_lists_the_first_of_many() {
        let names = |count: usize| (0..count).map(|index| format!("f{index}")).collect::<Vec<_>>();
        let merged = |count| Error::from(ErrorKind::Merged { slot: "f0".into(), names: names(count) });
        assert!(merged(10).to_string().contains("\"f8\" and \"f9\": the compiler"));
        assert!(merged(20_000).to_string().contains("\"f8\" and \"f9\" and 19990 more: the compiler"));
        let refusals = names(12).into_iter().enumerate().map(|(index, slot)| (index, slot, merged(20_000)));
        let refused = Error::from(ErrorKind::Refused { refusals: refusals.collect() });
        let message = refused.to_string();
        assert!(message.starts_with("12 of the changes cannot be made, so none was made: [0] slot \"f0\""));
        assert!(message.ends_with(" and 2 more") && !message.contains("[10]"), "{message}");
    }

    #[test]
    fn json_carries_class_code_and_properties() {
        let error =
            Error::from(ErrorKind::Signature { slot: "a::f".into(), expected: "(i32)".into(), actual: "(i64)".into() });
        let json: Value = serde_json::from_str(&error.to_json(10)).unwrap();
        assert_eq!(json["class"], "LinkError");
        assert_eq!(json["code"], "ERR_RELINK_SIGNATURE");
        assert_eq!(json["details"]["expected"], "(i32)");
        assert_eq!(json["message"], "slot \"a::f\" takes a function of type (i32), got (i64)");
        let refused = Error::from(ErrorKind::Refused { refusals: vec![(3, "a::f".into(), error)] });
        let json: Value = serde_json::from_str(&refused.to_json(10)).unwrap();
        assert_eq!(json["details"]["refusals"][0]["index"], 3);
        assert_eq!(json["details"]["refusals"][0]["actual"], "(i64)");
    }
}
