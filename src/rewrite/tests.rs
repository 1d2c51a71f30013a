//! Tests of the pass as a whole.

use crate::error::Error;
use crate::rewrite::*;
use crate::wasm::Features;

const ALL: Features = Features::EVERYTHING;

fn pass(text: &str) -> Result<(Vec<u8>, Binary, Vec<ModuleSlot>)> {
    select(text, Selection::Default)
}

/// Runs the pass, and checks that its output is valid and matches its description.
fn select(text: &str, selection: Selection) -> Result<(Vec<u8>, Binary, Vec<ModuleSlot>)> {
    let bytes = wat::parse_str(text).unwrap();
    let options = Options { selection, ..Options::default() };
    let rewritten = rewrite(&bytes, &Binary::parse(&bytes, ALL)?, &options)?;
    let again = Binary::parse(&rewritten.bytes, ALL).expect("the pass makes valid modules");
    assert_eq!(again.functions, rewritten.binary.functions, "the description fits the bytes");
    assert_eq!(again.tables.len(), rewritten.binary.tables.len());
    let exports = |binary: &Binary| binary.exports.iter().map(|each| each.index).collect::<Vec<_>>();
    assert_eq!(exports(&again), exports(&rewritten.binary));
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
    let (bytes, _, slots) = pass(&text).unwrap();
    let again = Binary::parse(&bytes, ALL).unwrap();
    let imports: Vec<_> = again.imports.iter().map(|import| import.name.as_str()).collect();
    assert_eq!(imports, ["before", "after"], "the declared import is gone");
    assert_eq!(slots[0].kind, SlotKind::Declared);
    assert_eq!(slots[0].original, 2, "function indices moved down by one");
    assert_eq!(Some(export(&again, "again")), slots[0].thunk);
    assert_eq!(export(&again, "relink:a::f"), slots[0].original, "the original is exported as it is");
    assert_eq!(again.tables.len(), 2, "the dispatch table is a table of its own");
}

#[test]
fn fixed_tables_that_code_writes_get_a_larger_maximum_in_the_bytes_only() {
    let text = "(module (table (export \"t\") 2 2 funcref) (table 3 5 funcref) (table 1 1 externref) (table 4 4 funcref) \
                (table $written 6 6 funcref) (func (table.set $written (i32.const 0) (ref.null func))))";
    let (bytes, binary, _) = pass(text).unwrap();
    let maxima = |binary: &Binary| binary.tables.iter().map(|table| table.limits.maximum).collect::<Vec<_>>();
    let again = Binary::parse(&bytes, ALL).unwrap();
    assert_eq!(maxima(&again), [Some(2), Some(5), Some(1), Some(4), Some(7)]);
    assert_eq!(maxima(&binary), [Some(2), Some(5), Some(1), Some(4), Some(6)]);
}

#[test]
fn a_module_that_needs_no_change_is_unchanged() {
    let bytes = wat::parse_str("(module (table 2 3 funcref) (func))").unwrap();
    let rewritten = rewrite(&bytes, &Binary::parse(&bytes, ALL).unwrap(), &Options::default()).unwrap();
    assert!(matches!(rewritten.bytes, Cow::Borrowed(_)));
}

#[test]
fn missing_sections_are_added() {
    // The module has no function, table, element or code section: the original is an import itself.
    let (bytes, _, slots) =
        pass(r#"(module (import "relink" "a::f" (func)) (import "env" "g" (func)) (export "relink:a::f" (func 1)))"#)
            .unwrap();
    let again = Binary::parse(&bytes, ALL).unwrap();
    // The functions: the remaining import, the thunk of the export, and the forwarder, which may stand in a table.
    assert_eq!((slots[0].original, slots[0].thunk), (2, None));
    assert_eq!((slots[1].original, slots[1].thunk), (2, Some(1)));
    assert_eq!((again.functions.len(), again.tables.len()), (3, 1));
}

#[test]
fn a_declared_import_without_an_original_stays_an_import() {
    let (bytes, ..) = pass(r#"(module (import "relink" "a::f" (func)))"#).unwrap();
    assert_eq!(Binary::parse(&bytes, ALL).unwrap().imports.len(), 1);
}

#[test]
fn a_slot_whose_sides_differ_in_type_is_refused() {
    let text = r#"(module (import "relink" "a::f" (func (param i32))) (func (export "relink:a::f")))"#;
    assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
    let text = r#"(module (import "relink" "a::f" (func)) (global (export "relink:a::f") i32 i32.const 0))"#;
    assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
    let text = r#"(module (import "relink" "a::f" (func)) (export "relink:a::f" (func 0)))"#;
    assert_eq!(code(pass(text)), "ERR_RELINK_DECLARATION");
}

#[test]
fn a_declared_function_without_callers_is_a_slot_too() {
    let record = r#"{\"name\":\"a::f\",\"signature\":\"()\",\"types\":{\"parameters\":[],\"results\":[]}}"#;
    let text = format!("(module (func (export \"relink:a::f\")) (@custom \"relink\" \"{record}\"))");
    let (bytes, _, slots) = pass(&text).unwrap();
    assert_eq!((slots.len(), slots[0].original, slots[0].thunk), (1, 0, None));
    assert!(slots[0].declaration.is_some());
    Binary::parse(&bytes, ALL).unwrap();
}

#[test]
fn an_unreadable_name_section_is_left_out() {
    let text = r#"(module (func) (@custom "name" "\01\ff") (@custom "kept" ""))"#;
    let (bytes, ..) = pass(text).unwrap();
    let sections = Binary::parse(&bytes, ALL).unwrap().custom_sections;
    assert_eq!(sections.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn imports_that_are_used_as_values_get_forwarders() {
    let text = r#"(module
        (import "relink" "a::f" (func (param f64)))
        (import "env" "float" (func $float (param f64)))
        (import "env" "integer" (func $integer (param i32)))
        (func (export "relink:a::f") (param f64) local.get 0 call $float)
        (export "float" (func $float)) (export "integer" (func $integer)))"#;
    let bytes = wat::parse_str(text).unwrap();
    let options = Options { forward_float_imports: true, selection: Selection::None };
    let rewritten = rewrite(&bytes, &Binary::parse(&bytes, ALL).unwrap(), &options).unwrap();
    // Functions: three imports, the original, then the forwarder.
    assert_eq!(rewritten.forwarders, [Forwarder { import: 1, function: 4 }]);
    let again = Binary::parse(&rewritten.bytes, ALL).unwrap();
    assert_eq!(again.functions, rewritten.binary.functions);
    assert_eq!(export(&again, "float"), 4);
    assert_eq!(export(&again, "integer"), 2);
}

#[test]
fn names_follow_their_functions() {
    let text = r#"(module (import "relink" "a::f" (func $slot)) (func $original (export "relink:a::f"))
        (func $caller (export "caller") call $slot))"#;
    let (bytes, ..) = pass(text).unwrap();
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap()
            && let wasmparser::KnownCustom::Name(reader) = section.as_known()
        {
            for name in reader {
                if let wasmparser::Name::Function(map) = name.unwrap() {
                    names.extend(map.into_iter().map(|naming| naming.map(|n| (n.index, n.name.to_owned())).unwrap()));
                }
            }
        }
    }
    let added = ADDED_NAME.to_owned();
    assert_eq!(names, [(0, "original".to_owned()), (1, "caller".to_owned()), (2, added)]);
}

/// The instructions of function `index` of a module without imports, as text.
fn code_of(bytes: &[u8], index: usize) -> Vec<String> {
    let mut bodies = wasmparser::Parser::new(0).parse_all(bytes).filter_map(|payload| match payload.unwrap() {
        wasmparser::Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    let body = bodies.nth(index).unwrap();
    body.get_operators_reader().unwrap().into_iter().map(|operator| format!("{:?}", operator.unwrap())).collect()
}

#[test]
fn every_way_to_a_function_goes_through_its_slot() {
    let text = r#"(module
        (func $f (export "f") (result i32) i32.const 1)
        (table (export "table") 3 3 funcref)
        (elem (i32.const 1) func $f)
        (elem func $f)
        (func (result i32) call $f)
        (func (result i32) return_call $f)
        (func (result funcref) ref.func $f))"#;
    let (bytes, binary, slots) = pass(text).unwrap();
    let slot = &slots[0];
    assert_eq!((slot.kind, slot.original), (SlotKind::Function, 0));
    assert_eq!(slot.primary_entry, ModuleEntry { table: 1, index: 0 }, "direct calls have an entry of their own");
    assert_eq!(slot.direct_entries, [ModuleEntry { table: 0, index: 1 }], "pointers need no thunk");
    let thunk = slot.thunk.unwrap();
    assert_eq!(export(&binary, "f"), thunk);
    let call = ["I32Const { value: 0 }", "CallIndirect { type_index: 0, table_index: 1 }", "End"];
    assert_eq!(code_of(&bytes, 1), call);
    assert_eq!(code_of(&bytes, 2)[1], "ReturnCallIndirect { type_index: 0, table_index: 1 }");
    assert_eq!(code_of(&bytes, 3)[0], format!("RefFunc {{ function_index: {thunk} }}"));
    assert_eq!(code_of(&bytes, thunk as usize)[1], "ReturnCallIndirect { type_index: 0, table_index: 1 }");
    let uses = crate::wasm::Uses::read(&bytes, &Binary::parse(&bytes, ALL).unwrap()).unwrap();
    let segments: Vec<_> = uses.segments.into_iter().map(|segment| segment.functions).collect();
    // The segment of the dispatch table, the author's two segments, and the segment that declares referenced functions.
    assert_eq!(segments, [[Some(0)], [Some(0)], [Some(thunk)], [Some(thunk)]]);
}

#[test]
fn a_function_that_is_only_pointed_at_has_its_own_entry_as_primary_entry() {
    let text = "(module (table 2 2 funcref) (elem (i32.const 0) func $f $f) (func $f))";
    let (_, binary, slots) = pass(text).unwrap();
    assert_eq!((slots[0].primary_entry, slots[0].thunk), (ModuleEntry { table: 0, index: 0 }, None));
    assert_eq!(slots[0].direct_entries, [ModuleEntry { table: 0, index: 1 }]);
    assert_eq!(binary.tables.len(), 1, "there is nothing to dispatch");
}

#[test]
fn an_overwritten_entry_is_not_a_direct_entry() {
    let text = "(module (table 2 2 funcref) (elem (i32.const 0) func $f $f) (elem (i32.const 1) func $g)
        (func $f) (func $g))";
    let (_, _, slots) = pass(text).unwrap();
    assert_eq!(slots[0].direct_entries, []);
    assert_eq!(slots[1].primary_entry, ModuleEntry { table: 0, index: 1 });
}

#[test]
fn tables_that_code_reads_hold_thunks() {
    for code in ["(table.get 0 (i32.const 0)) drop", "(table.copy (i32.const 0) (i32.const 1) (i32.const 1))"] {
        let text = format!("(module (table 2 2 funcref) (elem (i32.const 0) func $f) (func $f) (func {code}))");
        let (bytes, _, slots) = pass(&text).unwrap();
        assert_eq!((slots[0].direct_entries.len(), slots[0].thunk), (0, Some(2)));
        let uses = crate::wasm::Uses::read(&bytes, &Binary::parse(&bytes, ALL).unwrap()).unwrap();
        assert_eq!(uses.segments[1].functions, [Some(2)], "after that of the dispatch table");
    }
    let text = r#"(module (import "a" "t" (table 2 funcref)) (elem (i32.const 0) func $f) (func $f))"#;
    let (_, _, slots) = pass(text).unwrap();
    assert_eq!((slots[0].direct_entries.len(), slots[0].thunk), (0, Some(1)));
}

#[test]
fn the_original_of_an_import_slot_is_a_forwarder() {
    let text = r#"(module (import "env" "f" (func $f (param f64))) (func f64.const 1 call $f) (export "f" (func $f)))"#;
    let (bytes, binary, slots) = pass(text).unwrap();
    let (thunk, forwarder) = (2, 3);
    assert_eq!(slots[0].kind, SlotKind::Import);
    assert_eq!((slots[0].original, slots[0].thunk), (forwarder, Some(thunk)));
    assert_eq!(export(&binary, "f"), thunk);
    assert_eq!(code_of(&bytes, 0)[2], "CallIndirect { type_index: 0, table_index: 0 }");
    assert_eq!(code_of(&bytes, 2)[1], "Call { function_index: 0 }");
}

#[test]
fn slots_are_named_in_their_order() {
    let text = r#"(module (import "env" "log" (func $log)) (import "relink" "a::f" (func $f)) (func $own)
        (func (export "relink:a::f")) (func (export "g") call $log call $f call $own))"#;
    let bytes = wat::parse_str(text).unwrap();
    let options = Options { selection: Selection::All, ..Options::default() };
    let rewritten = rewrite(&bytes, &Binary::parse(&bytes, ALL).unwrap(), &options).unwrap();
    let names: Vec<_> = rewritten.details.names.iter().map(|named| named.name.as_str()).collect();
    let kinds: Vec<_> = rewritten.slots.iter().map(|slot| slot.kind).collect();
    assert_eq!(names, ["a::f", "env.log", "own", "g"]);
    assert_eq!(kinds, [SlotKind::Declared, SlotKind::Import, SlotKind::Function, SlotKind::Function]);
}

#[test]
fn calls_of_an_identity_function_are_removed() {
    let text = "(module (func $id (param i32) (result i32) local.get 0)
        (func (result i32) i32.const 7 call $id) (func (result i32) i32.const 7 return_call $id))";
    for selection in [Selection::Default, Selection::All] {
        let (bytes, ..) = select(text, selection).unwrap();
        assert_eq!(code_of(&bytes, 1), ["I32Const { value: 7 }", "End"]);
        assert_eq!(code_of(&bytes, 2), ["I32Const { value: 7 }", "Return", "End"]);
    }
    let (_, _, slots) = select(text, Selection::More([0].into())).unwrap();
    assert_eq!(slots.len(), 1, "who asks for it by name gets it");
    let (bytes, ..) = select(text, Selection::None).unwrap();
    assert_eq!(code_of(&bytes, 1)[1], "Call { function_index: 0 }");
}

#[test]
fn none_selects_nothing() {
    let (bytes, binary, slots) = select(&DECLARED.replace("$after)", "2)"), Selection::None).unwrap();
    assert!(slots.is_empty());
    assert_eq!(binary.imports.len(), 3, "a declared import is an import");
    assert_eq!(binary.tables.len(), 1);
    assert_eq!(Binary::parse(&bytes, ALL).unwrap().tables[0].limits.maximum, Some(2), "and nothing needs room");
}

#[test]
fn the_start_function_is_unchanged() {
    let (bytes, ..) = select("(module (func $f) (start $f))", Selection::All).unwrap();
    let start = wasmparser::Parser::new(0).parse_all(&bytes).find_map(|payload| match payload.unwrap() {
        wasmparser::Payload::StartSection { func, .. } => Some(func),
        _ => None,
    });
    assert_eq!(start, Some(0));
}

#[test]
fn stale_sections_are_left_out() {
    let stale = [".debug_line", "reloc.CODE", "linking", "metadata.code.branch_hint", "sourceMappingURL"];
    let sections: String = stale.iter().map(|name| format!("(@custom \"{name}\" \"\")")).collect();
    let text = format!("(module (func (export \"f\")) {sections} (@custom \"producers\" \"\"))");
    let (bytes, ..) = pass(&text).unwrap();
    let sections = Binary::parse(&bytes, ALL).unwrap().custom_sections;
    let names: Vec<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["producers", "name"]);
}
