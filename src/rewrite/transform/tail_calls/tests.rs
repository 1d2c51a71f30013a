//! Tests of the replacement of tail calls.

use super::*;
use crate::rewrite::{Options, Selection, rewrite};
use crate::wasm::{Binary, Features};

/// Runs the pass and replaces, and checks that the result is valid without tail calls and fits its description.
fn replaced(text: &str, selection: Selection) -> Rewritten<'static> {
    let bytes: &'static [u8] = Box::leak(wat::parse_str(text).unwrap().into_boxed_slice());
    let binary = Binary::parse(bytes, Features::EVERYTHING).unwrap();
    let mut rewritten = rewrite(bytes, &binary, &Options { selection, ..Options::default() }).unwrap();
    replace_tail_calls(&mut rewritten).unwrap();
    let none = Features { tail_calls: false, ..Features::EVERYTHING };
    let again = Binary::parse(&rewritten.bytes, none).expect("the result is valid");
    assert_eq!(again.functions, rewritten.binary.functions);
    assert_eq!(again.types, rewritten.binary.types);
    assert_eq!(again.globals, rewritten.binary.globals);
    assert_eq!(again.tables.len(), rewritten.binary.tables.len());
    rewritten
}

#[test]
fn a_tail_call_to_itself_needs_no_driver() {
    let bodies = [
        "(local f64) (return_call $f (local.get 1) (local.get 0))",
        "(block (br_if 1 (local.get 0) (i32.const 1)) (drop) (br_table 0 1 (i32.const 2) (i32.const 3)) ) (return_call $f (local.get 1) (local.get 0))",
        "(block (loop (return_call $f (local.get 1) (local.get 0)))) (i32.const 1)",
    ];
    for body in bodies {
        let text = format!("(module (func $f (param i32 i32) (result i32) {body}))");
        let rewritten =
            replaced(&text.replace("(br_table 0 1 (i32.const 2) (i32.const 3))", "(br 0)"), Selection::None);
        assert!(rewritten.tail_calls.is_none());
        assert_eq!(rewritten.binary.functions.len(), 1);
    }
}

#[test]
fn functions_of_a_cycle_get_entries_and_others_call() {
    let text = "(module (func $even (param i32) (result i32) (return_call $odd (local.get 0)))
        (func $odd (param i32) (result i32) (return_call $even (local.get 0)))
        (func $into (result i32) (return_call $even (i32.const 1)))
        (func $plain (result i32) (i32.const 1))
        (func $last (result i32) (return_call $plain)) (func $chain (result i32) (return_call $last)))";
    let rewritten = replaced(text, Selection::None);
    assert_eq!(rewritten.tail_calls.unwrap().entries, [0, 1, 2]);
    let origins = &rewritten.origins;
    assert!([0, 1, 2].iter().all(|entry| origins.is_added(*entry)), "stack traces leave entries out");
    assert_eq!([6, 7, 8].map(|body| (origins.is_added(body), origins.of(body))), [(false, 0), (false, 1), (false, 2)]);
    assert!(origins.is_added(9));
}

#[test]
fn every_kind_of_callee_and_value_makes_a_valid_module() {
    let all = "i32 i64 f32 f64 v128 funcref externref";
    for selection in [Selection::None, Selection::Default, Selection::All] {
        let text = format!(
            "(module (type $t (func (param {all} i32) (result {all})))
            (import \"env\" \"f\" (func $import (type $t))) (import \"env\" \"t\" (table 1 funcref)) (table 1 externref)
            (global i32 (i32.const 0)) (tag $e)
            (func $f (export \"f\") (type $t) (block $h (try_table (catch_all $h)
                (return_call $f {args})) ) (return_call_indirect (type $t) {args} (i32.const 0)))
            (func (type $t) (return_call $import {args}))
            (func (type $t) (block $h (try_table (catch $e $h) (return_call $import {args}))) (return_call $f {args}))
            (func (type $t) (block $h (try_table (catch $e $h) (return_call_indirect (type $t) {args} (i32.const 0)))) (unreachable)))",
            args = (0..8).map(|index| format!("(local.get {index})")).collect::<String>(),
        );
        assert!(replaced(&text, selection).tail_calls.is_some());
    }
}

#[test]
fn a_module_without_tail_calls_is_unchanged() {
    let bytes = wat::parse_str("(module (func $f call $f))").unwrap();
    let mut rewritten = Rewritten::unchanged(&bytes, Binary::parse(&bytes, Features::EVERYTHING).unwrap());
    replace_tail_calls(&mut rewritten).unwrap();
    assert_eq!(rewritten.bytes, bytes);
}
