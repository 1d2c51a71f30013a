//! Tests of the translation of legacy exceptions.

use super::*;
use crate::wasm::{Binary, Features};

/// Translates, and checks that the result is valid without the legacy proposal.
fn modern(text: &str) -> Vec<u8> {
    let bytes = wat::parse_str(text).unwrap();
    let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
    assert!(binary.exceptions && binary.legacy_exceptions);
    let mut rewritten = Rewritten::unchanged(&bytes, binary.clone());
    modernize(&mut rewritten).unwrap();
    let bytes = rewritten.bytes.into_owned();
    let again = Binary::parse(&bytes, Features::EVERYTHING).expect("what is made is valid");
    assert!(again.exceptions && !again.legacy_exceptions);
    assert_eq!(again.functions, binary.functions);
    bytes
}

#[test]
fn every_construct_becomes_a_valid_one() {
    let module = |body: &str| {
        format!(
            "(module (tag $a (param i32)) (tag $b (param i64 f32)) (tag $c) (func $f (result i32) i32.const 1) {body})"
        )
    };
    for body in [
        "(func try end)",
        "(func (result i32) try (result i32) i32.const 1 end)",
        "(func (result i32) try (result i32) call $f catch $a end)",
        "(func (result i32) try (result i32) call $f catch $a catch $b drop i32.wrap_i64 catch_all i32.const 2 end)",
        "(func (result i32) try (result i32) call $f catch $a rethrow 0 catch_all rethrow 0 end)",
        "(func (result i32) try (result i32) try (result i32) call $f delegate 0 catch_all i32.const 3 end)",
        "(func (result i32) try (result i32) try (result i32) call $f delegate 1 catch_all i32.const 3 end)",
        "(func (result i32) try (result i32) try (result i32) try (result i32) call $f delegate 1 \
         catch_all i32.const 4 end catch $a end)",
        // A `try` does not catch exceptions of its own clauses.
        "(func (result i32) try (result i32) try (result i32) call $f catch_all \
         try (result i32) call $f delegate 0 end catch $a end)",
        // Parameters of a block, and several results.
        "(type $t (func (param i64 i32) (result i32 i64))) (func (result i32 i64) i64.const 1 i32.const 2 \
         try (type $t) drop drop i32.const 3 i64.const 4 catch $a i64.const 5 catch_all i32.const 6 i64.const 7 end)",
        // Branches from and to each kind of label.
        "(func (param i32) (result i32) block (result i32) loop try local.get 0 br_if 1 i32.const 9 br 2 \
         catch $a local.get 0 br_table 2 2 2 catch_all br 1 end end i32.const 5 end)",
        // Locals, and one `try` in the clause of another.
        "(func (param i64) (local f32 f32 i32) try call $f drop catch_all try call $f drop catch_all rethrow 1 end end)",
        "(func unreachable try unreachable catch_all unreachable end unreachable)",
    ] {
        modern(&module(body));
    }
}

#[test]
fn both_proposals_may_stand_side_by_side() {
    modern(
        "(module (tag $a (param i32)) (func (result i32) block (result i32) try (result i32) \
         (block $h (result i32) (try_table (result i32) (catch $a $h) (throw $a (i32.const 1))) br 2) \
         catch_all i32.const 2 end end))",
    );
}

#[test]
fn a_module_without_legacy_exceptions_is_unchanged() {
    let text = "(module (tag $a (param i32)) (func (result i32) \
                (block $h (result i32) (try_table (result i32) (catch $a $h) (throw $a (i32.const 1))))))";
    let bytes = wat::parse_str(text).unwrap();
    let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
    assert!(binary.exceptions && !binary.legacy_exceptions);
    let mut rewritten = Rewritten::unchanged(&bytes, binary);
    modernize(&mut rewritten).unwrap();
    assert_eq!(rewritten.bytes, bytes);
}
