//! The slot names that the crate has already declared.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{LazyLock, Mutex, PoisonError};

use proc_macro2::Span;
use syn::Ident;

/// The slots of the crate that is being compiled, with the source location of each. A compiler process compiles one crate,
/// and expands each function once.
static DECLARED: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// Declares the slot `name` for `function`.
///
/// # Errors
/// If another function of the crate has declared it.
pub fn declare(name: &str, function: &Ident) -> syn::Result<()> {
    if !one_crate_a_process() {
        return Ok(());
    }
    let mut declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    match declared.entry(name.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(location(function.span()));
            Ok(())
        }
        Entry::Occupied(taken) => Err(syn::Error::new(function.span(), duplicate(name, taken.get()))),
    }
}

fn duplicate(name: &str, location: &str) -> String {
    format!(
        "the slot `{name}` is already declared at {location}: give this one another name with `#[relinkable(name = \"…\")]`"
    )
}

fn location(span: Span) -> String {
    let span = span.unwrap();
    format!("{}:{}:{}", span.file(), span.line(), span.column())
}

/// Whether this process is a compiler. An editor's macro server runs long, serves many crates and expands functions again
/// and again. So it does not check for duplicates; the linker does.
fn one_crate_a_process() -> bool {
    std::env::current_exe().ok().and_then(|path| Some(is_compiler(path.file_stem()?.to_str()?))).unwrap_or(false)
}

fn is_compiler(program: &str) -> bool {
    matches!(program, "rustc" | "rustdoc" | "clippy-driver" | "miri")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_server_is_no_compiler() {
        assert!(is_compiler("rustc"));
        assert!(!is_compiler("rust-analyzer-proc-macro-srv"));
        assert!(!is_compiler("rust-analyzer"));
    }

    #[test]
    fn a_duplicate_is_told_where_the_first_is() {
        assert_eq!(
            duplicate("shop::price", "src/lib.rs:3:8"),
            "the slot `shop::price` is already declared at src/lib.rs:3:8: \
             give this one another name with `#[relinkable(name = \"…\")]`"
        );
    }
}
