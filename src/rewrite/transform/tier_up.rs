//! Tier-up: a module that works on the state of a running instance.

use crate::error::{ErrorKind, Result};
use crate::wasm::{Binary, ExternKind, ExternType, Import, RefType, Uses, ValType};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{DataSection, EntityType, ImportSection, Module, RawSection, SectionId};
use wasmparser::{DataKind, Parser, Payload};

/// Why instances of a module cannot tier up; none if they can.
///
/// Both instances share memories and globals, so it does not matter which of them runs. They cannot share tables, since an
/// entry is a function of one or the other. So tables must be private and never written by code. Each instance then has its
/// own table, with its own functions in the same entries.
///
/// # Errors
/// The errors of `Uses::read`.
pub fn why_no_tier_up(bytes: &[u8], binary: &Binary) -> Result<Option<&'static str>> {
    let uses = Uses::read(bytes, binary)?;
    let is_scalar = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
    let exported = binary.exports.iter().any(|export| export.kind == ExternKind::Table);
    let shared = |memory: &ExternType| matches!(memory, ExternType::Memory { shared: true, .. });
    let reasons = [
        (binary.imported_tables > 0 || exported, "it shares a table"),
        (binary.tables.iter().any(|table| table.element != RefType::Func), "it has a table of values"),
        (
            [&uses.written_tables, &uses.grown_tables, &uses.read_tables].iter().any(|tables| !tables.is_empty()),
            "its code reads or writes a table",
        ),
        (uses.segments.iter().any(|segment| segment.target.is_none()), "it has segments of functions that code copies"),
        (
            uses.functions.iter().any(|function| function.referenced || function.held),
            "it takes references to functions",
        ),
        (binary.memories.iter().any(shared), "its memory is shared by threads"),
        (!binary.globals.iter().all(|global| is_scalar(&global.value)), "it has a global that holds a reference"),
        (
            !binary.types.iter().all(|ty| ty.parameters.iter().chain(&ty.results).all(is_scalar)),
            "it has functions of references or vectors",
        ),
        (binary.tail_calls, "it has tail calls"),
        (binary.exceptions || !binary.tags.is_empty(), "it has exceptions"),
        (binary.computed_elements, "its tables hold what its globals do"),
        (has_passive_data(bytes)?, "it has data that code copies"),
    ];
    Ok(reasons.into_iter().find(|(is_so, _)| *is_so).map(|(_, why)| why))
}

fn has_passive_data(bytes: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::DataSection(reader) = payload? {
            for data in reader {
                if matches!(data?.kind, DataKind::Passive) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// The module with its memories and globals as imports, after its own imports and in the order of their indices. Its
/// segments write nothing to them, and it has no start function. `binary` describes the module, and afterwards the result.
///
/// # Errors
/// `Compile` if the bytes cannot be read, which `Binary::parse` has accepted.
pub fn tier_up_module(bytes: &[u8], binary: &mut Binary) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| ErrorKind::Compile {
        message: format!("the module for tier-up cannot be made: {error}"),
    };
    let mut reencoder = RoundtripReencoder;
    let (mut module, mut imports, mut imported) = (Module::new(), ImportSection::new(), false);
    let mut added = ImportSection::new();
    let mut definitions: Vec<EntityType> = Vec::new();
    // Memories and globals come after the import section, so a first walk reads their types.
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::MemorySection(reader) => {
                for memory in reader {
                    let ty = reencoder.memory_type(memory?).map_err(|error| failed(&error))?;
                    definitions.push(EntityType::Memory(ty));
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    let ty = reencoder.global_type(global?.ty).map_err(|error| failed(&error))?;
                    definitions.push(EntityType::Global(ty));
                }
            }
            _ => {}
        }
    }
    for definition in &definitions {
        added.import("", "", *definition);
    }
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        // Types come before imports, everything else after them.
        if id > SectionId::Import as u8 && !imported {
            module.section(&added);
            imported = true;
        }
        match payload {
            Payload::ImportSection(reader) => {
                reencoder.parse_import_section(&mut imports, reader).map_err(|error| failed(&error))?;
                for definition in &definitions {
                    imports.import("", "", *definition);
                }
                module.section(&imports);
                imported = true;
            }
            Payload::MemorySection(_) | Payload::GlobalSection(_) | Payload::StartSection { .. } => {}
            Payload::DataSection(reader) => {
                // An active segment becomes empty: its data is in the memory already.
                let mut data = DataSection::new();
                for _ in 0..reader.count() {
                    data.passive([]);
                }
                module.section(&data);
            }
            Payload::CustomSection(_) | _ => {
                module.section(&RawSection { id, data: &bytes[range.start as usize..range.end as usize] });
            }
        }
    }
    describe(binary);
    Ok(module.finish())
}

/// Makes the description fit the tier-up module.
fn describe(binary: &mut Binary) {
    let import = |ty: ExternType| Import { module: String::new(), name: String::new(), ty };
    let memories = binary.memories[binary.imported_memories()..].to_vec();
    let globals = binary.globals[binary.imported_globals()..].to_vec();
    binary.imports.extend(memories.into_iter().map(import));
    binary.imports.extend(globals.into_iter().map(|global| import(ExternType::Global(global))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Features;

    fn parse(text: &str) -> (Vec<u8>, Binary) {
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
        (bytes, binary)
    }

    #[test]
    fn state_is_imported_and_nothing_runs() {
        let (bytes, mut binary) = parse(
            r#"(module (import "a" "f" (func $f (param i32))) (import "a" "g" (global $g i32))
              (memory 1 3) (global $own (mut i64) (i64.const 7)) (table 2 2 funcref) (elem (i32.const 0) $run $run)
              (data (i32.const 8) "abc") (start $start)
              (func $start) (func $run (export "run") (call $f (global.get $g)) (global.set $own (i64.const 1)))
              (export "memory" (memory 0)) (export "own" (global $own)))"#,
        );
        assert_eq!(why_no_tier_up(&bytes, &binary).unwrap(), None);
        let made = tier_up_module(&bytes, &mut binary).unwrap();
        let parsed = Binary::parse(&made, Features::EVERYTHING).unwrap();
        let imports = |binary: &Binary| binary.imports.iter().map(|import| import.ty.to_string()).collect::<Vec<_>>();
        assert_eq!(imports(&parsed), ["func (i32)", "global i32", "memory 1..3", "global mut i64"]);
        assert_eq!(imports(&parsed), imports(&binary));
        assert_eq!(parsed.memories, binary.memories);
        assert_eq!(parsed.functions, binary.functions);
        assert_eq!(parsed.tables, binary.tables);
        assert!(!Parser::new(0).parse_all(&made).any(|payload| matches!(payload, Ok(Payload::StartSection { .. }))));
    }

    #[test]
    fn a_module_without_imports_gets_a_section_for_them() {
        let (bytes, mut binary) =
            parse("(module (memory 1) (func (export \"f\") (result i32) (i32.load (i32.const 0))))");
        let made = tier_up_module(&bytes, &mut binary).unwrap();
        assert_eq!(Binary::parse(&made, Features::EVERYTHING).unwrap().imports.len(), 1);
    }

    #[test]
    fn the_reason_against_tier_up_is_named() {
        let why = |text: &str| {
            let (bytes, binary) = parse(text);
            why_no_tier_up(&bytes, &binary).unwrap()
        };
        let cases = [
            ("(module (table (export \"t\") 1 funcref))", "it shares a table"),
            ("(module (import \"a\" \"t\" (table 1 funcref)))", "it shares a table"),
            ("(module (table 1 externref))", "it has a table of values"),
            (
                "(module (table 1 funcref) (func (table.set (i32.const 0) (ref.null func))))",
                "its code reads or writes a table",
            ),
            ("(module (table 1 funcref) (func (drop (table.get (i32.const 0)))))", "its code reads or writes a table"),
            (
                "(module (func $f) (elem declare func $f) (func (drop (ref.func $f))))",
                "it has segments of functions that code copies",
            ),
            ("(module (func $f) (global funcref (ref.func $f)))", "it takes references to functions"),
            ("(module (memory 1 1 shared))", "its memory is shared by threads"),
            ("(module (global externref (ref.null extern)))", "it has a global that holds a reference"),
            ("(module (func (param v128)))", "it has functions of references or vectors"),
            ("(module (tag))", "it has exceptions"),
            ("(module (func $f return_call $f))", "it has tail calls"),
            ("(module (memory 1) (data \"abc\"))", "it has data that code copies"),
        ];
        for (text, expected) in cases {
            assert_eq!(why(text), Some(expected), "{text}");
        }
    }
}
