//! Narrow atomic operations, each moved into a function of its own. Singlepass cannot compile such an operation if its
//! operand is a constant, or if its result gets no register.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::offsets::{BodyEdit, ChangedBody};
use crate::rewrite::slots::sections::Sections;
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{FuncType, ValType};
use std::collections::HashMap;
use wasm_encoder::{Encode, Function, Instruction};
use wasmparser::{BinaryReader, FunctionBody};

/// Moves narrow atomic operations into functions. A module without any stays unchanged.
///
/// # Errors
/// `Compile` if the bytes are not what the description says.
pub fn outline_atomics(rewritten: &mut Rewritten<'_>) -> Result<()> {
    outline(rewritten).map_err(|error| ErrorKind::pass_failed(error).into())
}

fn outline(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let mut outlined = Outlined::new(&rewritten.binary);
    let mut known: HashMap<Vec<u8>, u32> = HashMap::new();
    let (code, offsets) = change_bodies(&rewritten.bytes, &rewritten.binary, |_, body| {
        change(body, |operation, ty| {
            *known.entry(operation.to_vec()).or_insert_with(|| {
                let mut function = Function::new([]);
                for parameter in 0..ty.parameters.len() {
                    function.instruction(&Instruction::LocalGet(parameter as u32));
                }
                function.raw(operation.iter().copied());
                function.instruction(&Instruction::End);
                outlined.add(ty, function)
            })
        })
    })?;
    if outlined.is_empty() {
        return Ok(());
    }
    let bytes = std::mem::take(&mut rewritten.bytes);
    let mut sections = Sections::of(&bytes)?;
    outlined.write(code, &mut sections, rewritten)?;
    rewritten.offsets.add(offsets);
    rewritten.bytes = sections.finish().into();
    Ok(())
}

/// The body with each such operation replaced by a call; none without any. `function` returns the function for an operation, from its bytes and
/// its type.
fn change(
    body: &FunctionBody<'_>,
    mut function: impl FnMut(&[u8], FuncType) -> u32,
) -> wasmparser::Result<Option<ChangedBody>> {
    let (bytes, start) = (body.as_bytes(), body.range().start);
    let mut edit = BodyEdit::new(bytes);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let from = (reader.original_position() - start) as usize;
        reader.read()?;
        let to = (reader.original_position() - start) as usize;
        if let Some(ty) = partial(&bytes[from..to])? {
            edit.replace(from..to, |code| Instruction::Call(function(&bytes[from..to], ty)).encode(code));
        }
    }
    Ok(edit.finish())
}

/// The prefix of atomic operations.
const ATOMIC: u8 = 0xfe;
/// The first read-modify-write operation. There are seven of each kind; the first two access whole i32 and i64 values.
const FIRST: u32 = 0x1e;
const KINDS: u32 = 7;

/// The type of a narrow read-modify-write operation; none for other operations.
fn partial(operation: &[u8]) -> wasmparser::Result<Option<FuncType>> {
    let Some((&ATOMIC, rest)) = operation.split_first() else { return Ok(None) };
    let Some(number) = BinaryReader::new(rest, 0).read_var_u32()?.checked_sub(FIRST) else { return Ok(None) };
    let value = match number % KINDS {
        0 | 1 => return Ok(None),
        2 | 3 => ValType::I32,
        _ => ValType::I64,
    };
    let compares = number / KINDS == 6;
    let parameters = [ValType::I32, value, value];
    let parameters = parameters[..if compares { 3 } else { 2 }].into();
    Ok(Some(FuncType { parameters, results: [value].into() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Binary, Features};
    use std::borrow::Cow;

    #[test]
    fn each_operation_has_one_function_of_its_type() {
        let text = "(module (memory 1 1 shared) (func (param i32 i64)
            (drop (i32.atomic.rmw8.add_u (i32.const 0) (i32.const 1)))
            (drop (i32.atomic.rmw8.add_u (local.get 0) (i32.const 2)))
            (drop (i32.atomic.rmw8.add_u offset=1 (local.get 0) (i32.const 2)))
            (drop (i64.atomic.rmw32.xchg_u (i32.const 0) (local.get 1)))
            (drop (i64.atomic.rmw16.cmpxchg_u (i32.const 0) (local.get 1) (i64.const 1)))
            (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (drop (i64.atomic.rmw.cmpxchg (i32.const 0) (local.get 1) (i64.const 1)))
            (drop (i32.atomic.load8_u (i32.const 0)))))";
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
        let mut rewritten = Rewritten::unchanged(&bytes, binary);
        outline_atomics(&mut rewritten).unwrap();
        let again = Binary::parse(&rewritten.bytes, Features::EVERYTHING).unwrap();
        assert_eq!(again.functions, rewritten.binary.functions);
        let types: Vec<_> = (1..again.functions.len() as u32).map(|f| again.function_type(f).to_string()).collect();
        let add = "(i32, i32) -> i32";
        assert_eq!(types, [add, add, "(i32, i64) -> i64", "(i32, i64, i64) -> i64"]);
        assert!([0, 1].map(|function| rewritten.origins.is_added(function)) == [false, true]);
    }

    #[test]
    fn a_module_without_any_is_unchanged() {
        let bytes =
            wat::parse_str("(module (memory 1) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))");
        let bytes = bytes.unwrap();
        let mut rewritten = Rewritten::unchanged(&bytes, Binary::parse(&bytes, Features::EVERYTHING).unwrap());
        outline_atomics(&mut rewritten).unwrap();
        assert!(matches!(rewritten.bytes, Cow::Borrowed(_)));
    }
}
