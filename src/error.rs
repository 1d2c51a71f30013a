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
    /// The value that was given for an import
    Import {
        /// The import's kind, like "memory"
        kind: String,
        /// Its module name
        module: String,
        /// Its field name
        field: String,
    },
    /// A function that was given as a value
    Function,
}

impl Subject {
    fn details(&self) -> Value {
        match self {
            Self::Slot(slot) | Self::Implementation(slot) => json!({ "slot": slot }),
            Self::Import { module, field, .. } => json!({ "module": module, "field": field }),
            Self::Function => json!({}),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot \"{slot}\""),
            Self::Implementation(slot) => write!(f, "the implementation for slot \"{slot}\""),
            Self::Import { kind, module, field } => write!(f, "the {kind} for import \"{module}\".\"{field}\""),
            Self::Function => f.write_str("the function"),
        }
    }
}

/// A change of a `relink` that cannot be made.
#[derive(Debug, Clone)]
pub struct RefusedChange {
    /// Index in the list of changes
    pub index: usize,
    /// The properties that users see: `code`, `message` and those of the error
    properties: Value,
}

impl RefusedChange {
    /// The change at `index` of a list, which `error` refuses.
    pub fn new(index: usize, slot: &str, error: &Error) -> Self {
        let mut properties = error.details();
        properties["slot"] = json!(slot);
        properties["code"] = json!(error.code().0);
        properties["message"] = json!(error.to_string());
        Self { index, properties }
    }

    /// The changes that `lib/` has refused: a JSON array of objects with their `index` and properties.
    ///
    /// # Errors
    /// `Internal` for any other text.
    pub fn from_json(text: &str) -> Result<Vec<Self>> {
        let parsed: serde_json::Result<Vec<Value>> = serde_json::from_str(text);
        let list = parsed.map_err(|error| ErrorKind::Internal { message: format!("internal error: {error}") })?;
        let index = |properties: &Value| properties["index"].as_u64().unwrap_or_default() as usize;
        Ok(list.into_iter().map(|properties| Self { index: index(&properties), properties }).collect())
    }

    /// A property with a text, like `code`; empty for any other.
    pub fn property(&self, name: &str) -> &str {
        self.properties[name].as_str().unwrap_or_default()
    }
}

/// What went wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's message and docs/errors.md say it
pub enum ErrorKind {
    InvalidWasm {
        message: String,
        offset: u64,
    },
    Unsupported {
        message: String,
    },
    Declaration {
        message: String,
    },
    Compile {
        message: String,
    },
    Import {
        module: String,
        field: String,
        expected: String,
        actual: String,
    },
    SignatureHash {
        first: String,
        second: String,
    },
    Signature {
        slot: String,
        expected: String,
        actual: String,
    },
    Abi {
        slot: String,
        expected: String,
        actual: String,
    },
    OtherStore(Subject),
    Closed(Subject),
    ClosedCall,
    ClosedObject {
        what: &'static str,
    },
    ClosedStore,
    Compiler {
        what: String,
        expected: &'static str,
        actual: &'static str,
    },
    Cycle {
        slot: String,
    },
    Merged {
        slot: String,
        names: Vec<String>,
    },
    EmptySlot {
        slot: String,
    },
    Undone {
        slot: String,
    },
    Order {
        slot: String,
    },
    Changed {
        slot: String,
    },
    Refused {
        changes: Vec<RefusedChange>,
    },
    Trap {
        trap: &'static str,
        message: String,
        trace: Option<Arc<dyn Trace>>,
    },
    Internal {
        message: String,
    },
    ArgumentType {
        message: String,
    },
    ArgumentValue {
        message: String,
    },
    UnsupportedValue {
        message: String,
    },
    OutOfRange {
        message: String,
    },
    Memory {
        message: String,
    },
    /// The system refuses the address space of a full memory
    AddressSpace {
        message: String,
    },
    /// Code for full memories does not take the small memory of an import
    SmallMemory {
        module: String,
        field: String,
    },
    Cache {
        message: String,
    },
}

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl ErrorKind {
    /// The refusal of a type whose values JavaScript cannot have.
    pub fn does_not_cross(ty: impl fmt::Display) -> Self {
        let message = format!("values of type {ty} do not cross between WebAssembly and JavaScript");
        Self::UnsupportedValue { message }
    }

    /// The refusal of a type whose values no typed array holds.
    pub fn no_column(ty: impl fmt::Display) -> Self {
        Self::UnsupportedValue {
            message: format!("no typed array holds values of type {ty}: call the function itself"),
        }
    }
}

/// What is said of a function into which the compiler merged the functions of these names.
pub fn merged(names: &[String]) -> String {
    let names = listed(names, " and ", |name| format!("\"{name}\""));
    format!(
        "is one function for {names}: the compiler merged them, so a link changes all of them; to do that, link with \
         {{ merged: true }}"
    )
}

impl Error {
    /// What went wrong, as data.
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
            K::Memory { .. } | K::AddressSpace { .. } => ("ERR_RELINK_MEMORY", "RangeError"),
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
            K::Refused { changes } => {
                let list = changes.iter().map(|change| {
                    let mut refusal = change.properties.clone();
                    refusal["index"] = json!(change.index);
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
            | K::AddressSpace { message }
            | K::Cache { message }
            | K::Trap { message, .. } => f.write_str(message),
            K::Declaration { message } => write!(f, "invalid slot declaration: {message}"),
            K::Import { module, field, expected, actual } => {
                write!(f, "import \"{module}\".\"{field}\": expected {expected}, got {actual}")
            }
            K::SmallMemory { module, field } => {
                write!(f, "import \"{module}\".\"{field}\": expected {FULL_MEMORY}, got {SMALL_MEMORY}")
            }
            K::SignatureHash { first, second } => write!(
                f,
                "the function types {first} and {second} have the same signature hash, so the engine cannot tell them \
                 apart: instantiate this module in a store of its own"
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
                write!(
                    f,
                    "{subject} belongs to another store: make both in one store, since objects of different stores never mix"
                )
            }
            K::Closed(subject) => write!(f, "{subject} belongs to an instance that is closed"),
            K::ClosedCall => f.write_str("the instance of this function is closed"),
            K::ClosedObject { what } => write!(f, "the instance of this {what} is closed"),
            K::ClosedStore => f.write_str("the store is closed"),
            K::Compiler { what, expected, actual } => write!(
                f,
                "{what} is for code that {actual} compiled, and code that {expected} compiled cannot share it: compile \
                 both modules with the same compiler"
            ),
            K::Cycle { slot } => write!(
                f,
                "this implementation only calls slot \"{slot}\", so the slot would call itself forever: link the slot's \
                 `original` or `current`"
            ),
            K::Merged { slot, names } => write!(f, "slot \"{slot}\" {}", merged(names)),
            K::EmptySlot { slot } => {
                write!(
                    f,
                    "slot \"{slot}\" is an empty table entry, so it has no type to check against: write a function with \
                     `table.set` first"
                )
            }
            K::Undone { slot } => write!(f, "this link of slot \"{slot}\" has been undone already"),
            K::Order { slot } => write!(
                f,
                "slot \"{slot}\" was linked again after this link: undo the later links first, or reset the slot"
            ),
            K::Changed { slot } => write!(
                f,
                "slot \"{slot}\" no longer holds the implementation of this link: the table entry was written later; \
                 reset the slot to put its original back"
            ),
            K::Refused { changes } => {
                let list = listed(changes, "; ", |change| format!("[{}] {}", change.index, change.property("message")));
                write!(f, "{} of the changes cannot be made, so none was made: {list}", changes.len())
            }
        }
    }
}

/// What code for full memories expects.
const FULL_MEMORY: &str = "a memory of { reserve: 'full' }, since the module was compiled for such ones";

/// What it does not take.
const SMALL_MEMORY: &str = "one of { reserve: 'small' }, which takes modules that were compiled with that";

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
        let error =
            Error::from(ErrorKind::Signature { slot: "a::f".into(), expected: "(i32)".into(), actual: "(i64)".into() });
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
