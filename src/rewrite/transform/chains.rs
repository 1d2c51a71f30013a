//! Functions in which control flow meets thousands of times. Where it meets, each local that differs gets a new value; the
//! register allocator tries to keep all of these in one place, and the time for that grows with the square of their number. So
//! in such functions, a local goes through a call from time to time: behind it, its values are others.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::slots::sections::Sections;
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::limits::BODY;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{FuncType, RefType, ValType};
use std::borrow::Cow;
use std::collections::HashMap;
use wasm_encoder::{Encode, Function, Instruction};
use wasmparser::{FunctionBody, Operator};

/// From so many meetings on, a function is changed. What people write stays far below.
const MANY: usize = 2000;
/// After so many of them, locals are cut.
const CUT: usize = 128;
/// So many locals are all cut each time, others where they were written since the last time.
const FEW: usize = 16;

/// Cuts locals in functions in which control flow meets very often. A module without any stays as it is.
///
/// # Errors
/// `Compile` if the bytes are not what the description says.
pub fn cut_chains(rewritten: &mut Rewritten<'_>) -> Result<()> {
    cut(rewritten).map_err(|error| ErrorKind::Compile { message: format!("the load-time pass failed: {error}") }.into())
}

fn cut(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let mut outlined = Outlined::new(&rewritten.binary);
    let mut known: HashMap<ValType, u32> = HashMap::new();
    let code = change_bodies(&rewritten.bytes, &rewritten.binary, |function, body| {
        // No body of fewer bytes has so many.
        if body.as_bytes().len() < MANY || meetings(body)? < MANY {
            return Ok(Cow::Borrowed(body.as_bytes()));
        }
        let locals = locals(&rewritten.binary.function_type(function).parameters, body)?;
        let changed = change(body, &locals, |ty| {
            *known.entry(ty).or_insert_with(|| {
                let mut function = Function::new([]);
                function.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::End);
                outlined.add(FuncType { parameters: [ty].into(), results: [ty].into() }, function)
            })
        })?;
        Ok(if changed.len() > BODY { Cow::Borrowed(body.as_bytes()) } else { Cow::Owned(changed) })
    })?;
    if outlined.is_empty() {
        return Ok(());
    }
    let bytes = std::mem::take(&mut rewritten.bytes);
    let mut sections = Sections::of(&bytes)?;
    outlined.write(code, &mut sections, rewritten)?;
    rewritten.bytes = sections.finish().into();
    Ok(())
}

/// Whether control flow meets behind an instruction.
fn meets(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::End | Operator::Delegate { .. })
}

fn meetings(body: &FunctionBody<'_>) -> wasmparser::Result<usize> {
    let mut count = 0;
    for operator in body.get_operators_reader()? {
        count += usize::from(meets(&operator?));
    }
    Ok(count)
}

/// The types of all locals of a function; none for one that cannot go through a call.
fn locals(parameters: &[ValType], body: &FunctionBody<'_>) -> wasmparser::Result<Vec<Option<ValType>>> {
    let callable = |ty: ValType| (ty != ValType::Ref(RefType::Exn)).then_some(ty);
    let mut locals: Vec<_> = parameters.iter().copied().map(callable).collect();
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        let ty = ValType::from_parsed(ty).ok().and_then(callable);
        locals.extend(std::iter::repeat_n(ty, count as usize));
    }
    Ok(locals)
}

/// The locals that are to be cut.
struct Written {
    /// All that the function writes, as far as they are few
    all: Vec<u32>,
    /// Those that it has written since the last cut
    since: Vec<u32>,
    /// For each local, in which round it was written last
    round_of: Vec<u32>,
    round: u32,
}

impl Written {
    fn note(&mut self, local: u32) {
        let last = std::mem::replace(&mut self.round_of[local as usize], self.round);
        if last == 0 && self.all.len() <= FEW {
            self.all.push(local);
        }
        if last != self.round {
            self.since.push(local);
        }
    }

    fn take(&mut self) -> Vec<u32> {
        self.round += 1;
        let since = std::mem::take(&mut self.since);
        if self.all.len() <= FEW { self.all.clone() } else { since }
    }
}

/// A body whose locals go through what `identity` gives for their type.
fn change(
    body: &FunctionBody<'_>,
    locals: &[Option<ValType>],
    mut identity: impl FnMut(ValType) -> u32,
) -> wasmparser::Result<Vec<u8>> {
    let (bytes, start) = (body.as_bytes(), body.range().start);
    let (mut changed, mut copied) = (Vec::with_capacity(bytes.len() + bytes.len() / 8), 0);
    let mut written = Written { all: Vec::new(), since: Vec::new(), round_of: vec![0; locals.len()], round: 1 };
    let mut count = 0;
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let operator = reader.read()?;
        match operator {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => written.note(local_index),
            _ => {}
        }
        count += usize::from(meets(&operator));
        // Nothing may stand behind the last end.
        if count < CUT || reader.eof() {
            continue;
        }
        count = 0;
        let place = (reader.original_position() - start) as usize;
        changed.extend_from_slice(&bytes[copied..place]);
        copied = place;
        for local in written.take() {
            let Some(ty) = locals[local as usize] else { continue };
            let through = [Instruction::LocalGet(local), Instruction::Call(identity(ty)), Instruction::LocalSet(local)];
            through.iter().for_each(|instruction| instruction.encode(&mut changed));
        }
    }
    changed.extend_from_slice(&bytes[copied..]);
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Binary, Features};

    fn cut(text: &str) -> (bool, Binary) {
        let bytes = wat::parse_str(text).unwrap();
        let mut rewritten = Rewritten::unchanged(&bytes, Binary::parse(&bytes, Features::EVERYTHING).unwrap());
        cut_chains(&mut rewritten).unwrap();
        let again = Binary::parse(&rewritten.bytes, Features::EVERYTHING).unwrap();
        assert_eq!(again.functions, rewritten.binary.functions);
        (matches!(rewritten.bytes, Cow::Owned(_)), again)
    }

    fn meeting(times: usize) -> String {
        let step = "(if (local.get 0) (then (local.set 0 (i32.const 1)) (local.set 1 (f64.const 1))))".repeat(times);
        format!("(module (func (param i32) (local f64) {step}))")
    }

    #[test]
    fn only_functions_that_are_out_of_all_bounds_are_changed() {
        assert!(!cut(&meeting(MANY - 2)).0);
        let (changed, binary) = cut(&meeting(MANY));
        assert!(changed);
        let types: Vec<_> = [1, 2].map(|function| binary.function_type(function).to_string()).into();
        assert_eq!(types, ["(i32) -> i32", "(f64) -> f64"]);
    }
}
