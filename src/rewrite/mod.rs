//! The load-time pass: bytes in, valid wasm out, and a description of what was loaded.
//!
//! It ties every declared slot to its original through an entry of a hidden table (the dispatch
//! table), and gives fixed-size funcref tables room in their type, so that the engine reads them
//! through memory. Pure: no engine, no N-API, no `unsafe`.
#![forbid(unsafe_code)]

mod adapter;
mod encode;
mod origins;
mod plan;
mod relay;

use crate::error::{ErrorKind, Result};
use crate::wasm::{Binary, Declaration, FuncType};
use std::borrow::Cow;

pub use adapter::adapter;
pub use origins::Origins;

/// A module after the pass.
#[derive(Debug)]
pub struct Rewritten<'a> {
    /// The bytes to compile; borrowed where nothing had to change
    pub bytes: Cow<'a, [u8]>,
    /// The module that they hold, with the limits of its tables as their author wrote them
    pub binary: Binary,
    /// Its declared slots, by their entry in the dispatch table
    pub slots: Vec<DeclaredSlot>,
    /// Index of the dispatch table, if there are slots
    pub dispatch_table: Option<u32>,
    /// The functions that stand for imports where these are taken as values
    pub forwarders: Vec<Forwarder>,
    /// Which function of the original module each function is
    pub origins: Origins,
}

/// What the compiler needs of the pass.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Let a function of the module stand for an import with float parameters where that is taken
    /// as a value: the compiler calls imports and other functions in different ways.
    pub forward_float_imports: bool,
}

/// A function that calls an import and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarder {
    /// Function index of the import
    pub import: u32,
    /// Function index of the forwarder
    pub function: u32,
}

/// A slot that the module itself declares.
#[derive(Debug, Clone)]
pub struct DeclaredSlot {
    /// Its name
    pub name: String,
    /// Its WebAssembly type
    pub ty: FuncType,
    /// Function index of the original
    pub original: u32,
    /// Function index of the thunk that calls through the slot
    pub thunk: u32,
    /// What the `relink` section says of it
    pub declaration: Option<Declaration>,
}

/// Runs the pass over a module that `Binary::parse` accepted.
///
/// # Errors
/// `Declaration` when the import and the export of a declared slot do not fit each other.
pub fn rewrite(bytes: &[u8], binary: Binary, options: Options) -> Result<Rewritten<'_>> {
    let plan = plan::Plan::new(&binary, options)?;
    if plan.is_identity() {
        return Ok(Rewritten::unchanged(bytes, binary));
    }
    let encoded = encode::encode(bytes, &plan)
        .map_err(|error| ErrorKind::Compile { message: format!("the load-time pass failed: {error}") })?;
    let (binary, slots, forwarders, origins) = plan.apply(binary);
    let dispatch_table = (!slots.is_empty()).then(|| binary.tables.len() as u32 - 1);
    Ok(Rewritten { bytes: Cow::Owned(encoded), binary, slots, dispatch_table, forwarders, origins })
}

impl<'a> Rewritten<'a> {
    /// A module that the pass leaves as it is.
    pub fn unchanged(bytes: &'a [u8], binary: Binary) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            binary,
            slots: Vec::new(),
            dispatch_table: None,
            forwarders: Vec::new(),
            origins: Origins::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::wasm::Features;

    const ALL: Features = Features { simd_and_exceptions: true, multi_value_imports: true };

    const PLAIN: Options = Options { forward_float_imports: false };

    fn pass(text: &str) -> Result<(Vec<u8>, Binary, Vec<DeclaredSlot>)> {
        let bytes = wat::parse_str(text).unwrap();
        let rewritten = rewrite(&bytes, Binary::parse(&bytes, ALL)?, PLAIN)?;
        let (binary, slots) = (rewritten.binary, rewritten.slots);
        Ok((rewritten.bytes.into_owned(), binary, slots))
    }

    fn export(binary: &Binary, name: &str) -> u32 {
        binary.exports.iter().find(|export| export.name == name).unwrap().index
    }

    fn code(result: Result<impl Sized>) -> &'static str {
        result.map(|_| ()).map_err(|error: Error| error.code().0).unwrap_err()
    }

    const DECLARED: &str = r#"(module
        (type (func (result i32)))
        (import "env" "before" (func (param i64)))
        (import "relink" "a::f" (func $slot (type 0)))
        (import "env" "after" (func (param f64)))
        (func $original (export "relink:a::f") (result i32) i32.const 10)
        (func (export "call") (result i32) call $slot)
        (func (export "call_pointer") (result i32) i32.const 1 call_indirect (type 0))
        (func (export "imports") i64.const 1 call 0 f64.const 1 call $after)
        (export "again" (func $slot))
        (table 2 2 funcref)
        (elem (i32.const 1) func $slot))"#;

    #[test]
    fn a_declared_import_becomes_an_entry_of_the_dispatch_table() {
        let text = DECLARED.replace("$after)", "2)");
        let (bytes, binary, slots) = pass(&text).unwrap();
        let again = Binary::parse(&bytes, ALL).unwrap();
        let imports: Vec<_> = again.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(imports, ["before", "after"], "the declared import is gone");
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].original, 2, "function indices moved down by one");
        assert_eq!(again.functions, binary.functions, "the description fits the bytes");
        let indices = |binary: &Binary| binary.exports.iter().map(|export| export.index).collect::<Vec<_>>();
        assert_eq!(indices(&again), indices(&binary));
        assert_eq!(export(&again, "again"), slots[0].thunk);
        assert_eq!(again.tables.len(), 2, "the dispatch table is a table of its own");
    }

    #[test]
    fn fixed_funcref_tables_get_room_in_the_bytes_alone() {
        let (bytes, binary, _) =
            pass("(module (table 2 2 funcref) (table 3 5 funcref) (table 1 1 externref))").unwrap();
        let maxima = |binary: &Binary| binary.tables.iter().map(|table| table.limits.maximum).collect::<Vec<_>>();
        let again = Binary::parse(&bytes, ALL).unwrap();
        assert_eq!(maxima(&again), [Some(3), Some(5), Some(1)]);
        assert_eq!(maxima(&binary), [Some(2), Some(5), Some(1)]);
    }

    #[test]
    fn what_needs_nothing_is_left_alone() {
        let bytes = wat::parse_str("(module (table 2 3 funcref) (func (export \"f\")))").unwrap();
        let rewritten = rewrite(&bytes, Binary::parse(&bytes, ALL).unwrap(), PLAIN).unwrap();
        assert!(matches!(rewritten.bytes, Cow::Borrowed(_)));
    }

    #[test]
    fn sections_that_are_missing_are_made() {
        // Neither a function, table, element nor code section: the original is an import itself.
        let (bytes, _, slots) = pass(
            r#"(module (import "relink" "a::f" (func)) (import "env" "g" (func)) (export "relink:a::f" (func 1)))"#,
        )
        .unwrap();
        let again = Binary::parse(&bytes, ALL).unwrap();
        assert_eq!((slots[0].original, slots[0].thunk), (0, 1));
        assert_eq!((again.functions.len(), again.tables.len()), (2, 1));
    }

    #[test]
    fn a_declared_import_without_an_original_stays_an_import() {
        let (bytes, ..) = pass(r#"(module (import "relink" "a::f" (func)))"#).unwrap();
        assert_eq!(Binary::parse(&bytes, ALL).unwrap().imports.len(), 1);
    }

    #[test]
    fn sides_that_do_not_fit_are_refused() {
        let text = r#"(module (import "relink" "a::f" (func (param i32))) (func (export "relink:a::f")))"#;
        assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
        let text = r#"(module (import "relink" "a::f" (func)) (global (export "relink:a::f") i32 i32.const 0))"#;
        assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
        let text = r#"(module (import "relink" "a::f" (func)) (export "relink:a::f" (func 0)))"#;
        assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
    }

    #[test]
    fn a_declared_function_that_nobody_calls_is_a_slot_too() {
        let record = r#"{\"name\":\"a::f\",\"signature\":\"()\",\"types\":{\"parameters\":[],\"results\":[]}}"#;
        let text = format!("(module (func (export \"relink:a::f\")) (@custom \"relink\" \"{record}\"))");
        let (bytes, _, slots) = pass(&text).unwrap();
        assert_eq!((slots.len(), slots[0].original, slots[0].thunk), (1, 0, 1));
        assert!(slots[0].declaration.is_some());
        Binary::parse(&bytes, ALL).unwrap();
    }

    #[test]
    fn a_name_section_that_cannot_be_read_is_left_out() {
        let text = r#"(module (func) (@custom "name" "\01\ff") (@custom "kept" ""))"#;
        let (bytes, ..) = pass(text).unwrap();
        let sections = Binary::parse(&bytes, ALL).unwrap().custom_sections;
        assert_eq!(sections.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["kept"]);
    }

    #[test]
    fn imports_that_are_taken_as_values_get_forwarders() {
        let text = r#"(module
            (import "relink" "a::f" (func (param f64)))
            (import "env" "float" (func $float (param f64)))
            (import "env" "integer" (func $integer (param i32)))
            (func (export "relink:a::f") (param f64) local.get 0 call $float)
            (export "float" (func $float)) (export "integer" (func $integer)))"#;
        let bytes = wat::parse_str(text).unwrap();
        let options = Options { forward_float_imports: true };
        let rewritten = rewrite(&bytes, Binary::parse(&bytes, ALL).unwrap(), options).unwrap();
        // Two imports are left; then the original, the slot's thunk and the forwarder.
        assert_eq!(rewritten.forwarders, [Forwarder { import: 0, function: 4 }]);
        let again = Binary::parse(&rewritten.bytes, ALL).unwrap();
        assert_eq!(again.functions, rewritten.binary.functions);
        assert_eq!(export(&again, "float"), 4);
        assert_eq!(export(&again, "integer"), 1);
    }

    #[test]
    fn names_follow_their_functions() {
        let text = r#"(module (import "relink" "a::f" (func $slot)) (func $original (export "relink:a::f")) (func $caller call $slot))"#;
        let (bytes, ..) = pass(text).unwrap();
        let mut names = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            if let wasmparser::Payload::CustomSection(section) = payload.unwrap()
                && let wasmparser::KnownCustom::Name(reader) = section.as_known()
            {
                for name in reader {
                    if let wasmparser::Name::Function(map) = name.unwrap() {
                        names.extend(
                            map.into_iter().map(|naming| naming.map(|n| (n.index, n.name.to_owned())).unwrap()),
                        );
                    }
                }
            }
        }
        assert_eq!(names, [(0, "original".to_owned()), (1, "caller".to_owned()), (2, "slot".to_owned())]);
    }
}
