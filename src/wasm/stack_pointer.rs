//! The stack pointer: the global that holds the top of the stack that a module keeps in its memory.

use super::{Binary, ExternKind, ExternType, GlobalType, ValType};
use crate::error::Result;
use rustc_hash::FxHashMap;
use wasmparser::{BinaryReader, FunctionBody, Name, NameSectionReader, Operator, Parser, Payload};

/// The name that LLVM's linker gives the global.
const NAME: &str = "__stack_pointer";

/// LLVM's frames are multiples of this size in bytes. A counter of calls or of fuel goes down by less.
const ALIGNMENT: i32 = 16;

/// Number of instructions of a function in which its prologue must end.
const PROLOGUE: usize = 16;

/// Index of the mutable i32 global that is a module's stack pointer; none if it has none. The global is known by its
/// name in an import, an export or the name section. If nothing names it, it is the global that the most prologues
/// lower.
///
/// # Errors
/// `InvalidWasm` if a body cannot be read, which `Binary::parse` has accepted.
pub fn stack_pointer(bytes: &[u8], binary: &Binary) -> Result<Option<u32>> {
    let named = imported(binary).or_else(|| exported(binary)).or_else(|| named(bytes, binary));
    match named.filter(|global| is_candidate(binary, *global)) {
        Some(global) => Ok(Some(global)),
        None if (0..binary.globals.len() as u32).any(|global| is_candidate(binary, global)) => lowered(bytes, binary),
        None => Ok(None),
    }
}

fn is_candidate(binary: &Binary, global: u32) -> bool {
    binary.globals.get(global as usize) == Some(&GlobalType { value: ValType::I32, mutable: true })
}

fn imported(binary: &Binary) -> Option<u32> {
    let mut globals = binary.imports.iter().filter(|import| matches!(import.ty, ExternType::Global(_)));
    globals.position(|import| import.name == NAME).map(|index| index as u32)
}

fn exported(binary: &Binary) -> Option<u32> {
    let mut exports = binary.exports.iter();
    exports.find(|export| export.kind == ExternKind::Global && export.name == NAME).map(|export| export.index)
}

fn named(bytes: &[u8], binary: &Binary) -> Option<u32> {
    let section = binary.name_section(bytes)?;
    for subsection in NameSectionReader::new(BinaryReader::new(section, 0)) {
        let Ok(Name::Global(map)) = subsection else { continue };
        let mut names = map.into_iter().map_while(core::result::Result::ok);
        if let Some(naming) = names.find(|naming| naming.name == NAME) {
            return Some(naming.index);
        }
    }
    None
}

/// The global that most functions lower in their prologue, the first of several.
fn lowered(bytes: &[u8], binary: &Binary) -> Result<Option<u32>> {
    let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload?
            && let Some(global) = prologue(&body)?.filter(|global| is_candidate(binary, *global))
        {
            *counts.entry(global).or_default() += 1;
        }
    }
    Ok(counts.into_iter().max_by_key(|(global, count)| (*count, u32::MAX - global)).map(|(global, _)| global))
}

/// A value in a prologue.
#[derive(Clone, Copy, PartialEq)]
enum PrologueValue {
    Constant(i32),
    /// The global
    Global(u32),
    /// A value below the global's
    Lowered(u32),
    Other,
}

/// The global that a function lowers before it does anything else. Debug builds keep each step in a local.
fn prologue(body: &FunctionBody<'_>) -> Result<Option<u32>> {
    let mut operators = body.get_operators_reader()?;
    let mut stack = Vec::new();
    let mut locals: FxHashMap<u32, PrologueValue> = FxHashMap::default();
    for _ in 0..PROLOGUE {
        if operators.eof() {
            break;
        }
        match operators.read()? {
            Operator::GlobalGet { global_index } => stack.push(PrologueValue::Global(global_index)),
            Operator::I32Const { value } => stack.push(PrologueValue::Constant(value)),
            Operator::LocalGet { local_index } => {
                stack.push(locals.get(&local_index).copied().unwrap_or(PrologueValue::Other));
            }
            Operator::LocalSet { local_index } => drop(locals.insert(local_index, popped(&mut stack))),
            Operator::LocalTee { local_index } => {
                let value = popped(&mut stack);
                locals.insert(local_index, value);
                stack.push(value);
            }
            operator @ (Operator::I32Sub | Operator::I32Add | Operator::I32And) => {
                let (right, left) = (popped(&mut stack), popped(&mut stack));
                stack.push(match (operator, left, right) {
                    (Operator::I32Sub, PrologueValue::Global(global), PrologueValue::Constant(size @ 1..))
                        if size % ALIGNMENT == 0 =>
                    {
                        PrologueValue::Lowered(global)
                    }
                    (Operator::I32Add, PrologueValue::Global(global), PrologueValue::Constant(size @ ..0))
                        if size % ALIGNMENT == 0 =>
                    {
                        PrologueValue::Lowered(global)
                    }
                    // A frame with a greater alignment
                    (Operator::I32And, PrologueValue::Lowered(global), PrologueValue::Constant(..0)) => {
                        PrologueValue::Lowered(global)
                    }
                    _ => PrologueValue::Other,
                });
            }
            Operator::GlobalSet { global_index } => {
                let lowers = popped(&mut stack) == PrologueValue::Lowered(global_index);
                return Ok(lowers.then_some(global_index));
            }
            _ => break,
        }
    }
    Ok(None)
}

fn popped(stack: &mut Vec<PrologueValue>) -> PrologueValue {
    stack.pop().unwrap_or(PrologueValue::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;

    fn found(text: &str) -> Option<u32> {
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes, Compiler::Cranelift.features()).unwrap();
        stack_pointer(&bytes, &binary).unwrap()
    }

    #[test]
    fn a_name_says_which_global_it_is() {
        let others = "(global (mut i32) (i32.const 1))";
        assert_eq!(found(&format!(r#"(module {others} (global $__stack_pointer (mut i32) (i32.const 9)))"#)), Some(1));
        assert_eq!(
            found(&format!(r#"(module {others} (global (export "__stack_pointer") (mut i32) (i32.const 9)))"#)),
            Some(1)
        );
        let imported = r#"(import "env" "memory" (memory 1)) (import "env" "base" (global i32))
            (import "env" "__stack_pointer" (global (mut i32)))"#;
        assert_eq!(found(&format!("(module {imported} {others})")), Some(1));
    }

    #[test]
    fn what_cannot_be_one_is_none() {
        assert_eq!(found("(module)"), None);
        assert_eq!(found("(module (global $__stack_pointer i32 (i32.const 9)))"), None, "a constant");
        assert_eq!(found("(module (global $__stack_pointer (mut i64) (i64.const 9)))"), None, "another type");
        assert_eq!(found("(module (global (mut i32) (i32.const 9)) (func global.get 0 drop))"), None, "only read");
        let counter = "(func global.get 0 i32.const 1 i32.add global.set 0)";
        let counts = format!("(module (global (mut i32) (i32.const 9)) (global (mut i32) (i32.const 9)) {counter})");
        assert_eq!(found(&counts), None, "a counter goes up");
        let fuel = "(func global.get 0 i32.const 1 i32.sub global.set 0)";
        assert_eq!(found(&format!("(module (global (mut i32) (i32.const 9)) {fuel})")), None, "no frame has this size");
    }

    #[test]
    fn prologues_say_which_global_it_is_in_a_stripped_module() {
        let globals = "(global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0))";
        let release = "(func (local i32) global.get 1 i32.const 16 i32.sub local.tee 0 global.set 1)";
        let debug = "(func (local i32 i32 i32 i32) global.get 1 local.set 0 i32.const 16 local.set 1
            local.get 0 local.get 1 i32.sub local.set 2 local.get 2 global.set 1)";
        let aligned = "(func (local i32) global.get 1 i32.const 64 i32.sub i32.const -64 i32.and
            local.tee 0 global.set 1)";
        let added = "(func (local i32) global.get 1 i32.const -32 i32.add local.tee 0 global.set 1)";
        for prologue in [release, debug, aligned, added] {
            assert_eq!(found(&format!("(module {globals} {prologue})")), Some(1), "{prologue}");
        }
        let other = "(func global.get 0 i32.const 8 i32.sub global.set 0)";
        assert_eq!(found(&format!("(module {globals} {other} {release} {debug})")), Some(1), "the most functions");
    }
}
