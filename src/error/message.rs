//! The message of each error.

use super::{Error, ErrorKind};
use std::fmt;

/// The words for a function into which the compiler merged the functions of these names.
pub fn merged(names: &[String]) -> String {
    let names = listed(names, " and ", |name| format!("\"{name}\""));
    format!(
        "is one function for {names}: the compiler merged them, so a link changes all of them; to do that, link with \
         {{ merged: true }}"
    )
}

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
            K::Signature { slot, expected, actual, is_called } => {
                let hint = if *is_called { CALLED } else { "" };
                write!(f, "slot \"{slot}\" takes a function of type {expected}, got {actual}{hint}")
            }
            K::CallSite { slot, types, actual } => {
                let all = match &types[..] {
                    [] => "no code calls through its table".to_owned(),
                    _ => format!("code calls through its table as {}", listed(types, ", ", Clone::clone)),
                };
                match actual {
                    Some(actual) => write!(
                        f,
                        "slot \"{slot}\": no call site of type {actual} is left; {all}. The compiler may have inlined the \
                         call or folded it away (docs/what-can-be-relinked.md)"
                    ),
                    None => write!(
                        f,
                        "slot \"{slot}\": a JavaScript function has no type of its own, and {all}: choose a type with \
                         {{ type: {{ parameters, results }} }}"
                    ),
                }
            }
            K::Entries { slot, entries } if entries.is_empty() => write!(
                f,
                "slot \"{slot}\" has no entry in a table that the module exports, so no call site reaches it by another \
                 type: a function of its own type is needed"
            ),
            K::Entries { slot, entries } => {
                let entries = listed(entries, ", ", ToString::to_string);
                write!(
                    f,
                    "the function of slot \"{slot}\" is in several table entries, {entries}: choose one with \
                     `table.slot(index, {{ entry: true }})`"
                )
            }
            K::Memories { slot, types } => write!(
                f,
                "slot \"{slot}\" is declared as {types}, with pointers, and the implementation has another memory, in which \
                 these addresses mean something else: give both modules one memory or, if the pointers are only passed on, \
                 link with {{ pointers: true }}"
            ),
            K::Abi { slot, expected, actual } => write!(
                f,
                "slot \"{slot}\" is declared as {expected} in Rust, the implementation as {actual}: \
                 WebAssembly cannot tell them apart, but their values mean different things"
            ),
            K::Types { slot, differences, .. } => {
                write!(f, "slot \"{slot}\" and the implementation have different types: {}", differences.join("; "))
            }
            K::OtherStore(subject) => {
                write!(
                    f,
                    "{subject} belongs to another store: make both in one store, since objects of different stores never mix"
                )
            }
            K::Closed(subject) => write!(f, "{subject} belongs to an instance that is closed"),
            K::Limit { limit: "compileTime", value, .. } => write!(
                f,
                "the compile took more than {value} ms, its limit `compileTime`, and was stopped: raise the option \
                 `limits.compileTime`"
            ),
            K::Limit { owner, limit, value, asked } => write!(
                f,
                "the limit `{limit}` of the {owner} is {value}, and this would take {asked}: {}raise the option \
                 `limits.{limit}`",
                if *owner == "compile" { "" } else { "close what is not used any more, or " }
            ),
            K::Timeout { timeout, .. } => write!(f, "the call did not end within its timeout of {timeout} ms"),
            K::WasiExit { code } => write!(f, "the guest has ended with exit code {code} (proc_exit)"),
            K::WasiOption { option, message, .. } => write!(f, "`{option}`: {message}"),
            K::Interrupted { .. } => f.write_str("the call was interrupted"),
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
            K::Duplicate { slot } => write!(f, "slot \"{slot}\" is changed twice by one `relink`: list each slot once"),
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

/// Text for a function of another type that a call site uses.
const CALLED: &str = "; a call site of its table has that type: to serve it, link with { type: 'call-site' }";

/// Text for the memory that code for full memories expects.
pub(super) const FULL_MEMORY: &str = "a memory of { reserve: 'full' }, since the module was compiled for such ones";

/// Text for a memory that code for full memories does not take.
pub(super) const SMALL_MEMORY: &str = "one of { reserve: 'small' }, which takes modules that were compiled with that";

/// Most items that a message lists: a module may have any number of them.
const LISTED: usize = 10;

/// The first of `all` as text, and the number of the others.
fn listed<T>(all: &[T], between: &str, describe: impl Fn(&T) -> String) -> String {
    let list: Vec<_> = all.iter().take(LISTED).map(describe).collect();
    match all.len().saturating_sub(LISTED) {
        0 => list.join(between),
        more => format!("{} and {more} more", list.join(between)),
    }
}
