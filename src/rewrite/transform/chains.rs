//! Functions in which control flow meets thousands of times. Where it meets, each local that differs gets a new value; the
//! register allocator tries to keep all of these in one place, and the time for that grows with the square of their number. So
//! in such functions, a local goes through a call from time to time: behind it, its values are others.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::slots::sections::Sections;
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::limits::BODY;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{Binary, FuncType, RefType, ValType};
use std::borrow::Cow;
use std::collections::HashMap;
use wasm_encoder::{Encode, Function, Instruction};
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Operator, Parser, Payload};

/// From so many meetings on, a function is changed. What people write stays far below.
const MANY: usize = 2000;
/// The same for the sum of squares, over all locals, of the number of meetings behind which a local is written again:
/// what the register allocator's time grows with. 17 MB of published modules have 200,000 at the most. Below, the calls
/// cost more than they save: code that runs through a cut of 20 locals each 128 `if`s takes a quarter longer.
const SQUARES: usize = 5_000_000;
/// No body of fewer bytes has so many of either: a block takes three, a write two besides what it writes.
const SMALL: usize = 3 * MANY;
/// After so many meetings, locals are cut.
const CUT: usize = 128;
/// So many locals are all cut each time. Of more, those that were written since the last time, if their chain is longer
/// than a cut leaves it.
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
        let Some(chains) = Chains::too_long(body)? else { return Ok(Cow::Borrowed(body.as_bytes())) };
        let locals = locals(&rewritten.binary.function_type(function).parameters, body)?;
        let changed = change(body, &locals, &chains, |ty| {
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

/// The functions of a module that `cut_chains` changes, by index.
///
/// # Errors
/// `Compile` if the bytes are not what the description says.
pub fn long_chains(bytes: &[u8], binary: &Binary) -> Result<Vec<u32>> {
    long(bytes, binary).map_err(|error| ErrorKind::Compile { message: format!("invalid code: {error}") }.into())
}

fn long(bytes: &[u8], binary: &Binary) -> wasmparser::Result<Vec<u32>> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::CodeSectionStart { range, .. } = payload? else { continue };
        let data = &bytes[range.start as usize..range.end as usize];
        let bodies = CodeSectionReader::new(BinaryReader::new(data, range.start))?;
        for (function, body) in (binary.imported_functions..).zip(bodies) {
            if Chains::too_long(&body?)?.is_some() {
                functions.push(function);
            }
        }
    }
    Ok(functions)
}

/// How often the locals of a function are merged.
struct Chains {
    /// For each local: behind how many meetings it is written
    counts: Vec<usize>,
    /// How many locals are written
    written: usize,
}

impl Chains {
    /// Those of a function that is to be changed.
    fn too_long(body: &FunctionBody<'_>) -> wasmparser::Result<Option<Self>> {
        if body.as_bytes().len() < SMALL {
            return Ok(None);
        }
        let (mut counts, mut rounds, mut round) = (Vec::new(), Vec::new(), 1);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator {
                let local = local_index as usize;
                if local >= counts.len() {
                    counts.resize(local + 1, 0);
                    rounds.resize(local + 1, 0);
                }
                counts[local] += usize::from(std::mem::replace(&mut rounds[local], round) != round);
            }
            round += usize::from(meets(&operator));
        }
        let squares: usize = counts.iter().map(|count| count * count).sum();
        let written = counts.iter().filter(|count| **count > 0).count();
        let chains = Self { counts, written };
        let cuts = (0..chains.counts.len()).any(|local| chains.cuts(local as u32));
        Ok((cuts && (round > MANY || squares >= SQUARES)).then_some(chains))
    }

    /// Whether cuts make the chain of a local shorter.
    fn cuts(&self, local: u32) -> bool {
        let least = if self.written <= FEW { 1 } else { CUT };
        self.counts[local as usize] >= least
    }
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
    chains: &Chains,
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
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } if chains.cuts(local_index) => {
                written.note(local_index);
            }
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
    use crate::wasm::Features;

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
        // Each of two locals has half of the squares.
        assert!(!cut(&meeting(1580)).0);
        let (changed, binary) = cut(&meeting(1582));
        assert!(changed);
        let types: Vec<_> = [1, 2].map(|function| binary.function_type(function).to_string()).into();
        assert_eq!(types, ["(i32) -> i32", "(f64) -> f64"]);
    }

    #[test]
    fn of_many_locals_only_those_with_long_chains_are_cut() {
        let once: String =
            (2..2 + MANY).map(|local| format!("(if (local.get 0) (then (local.set {local} (f64.const 1))))")).collect();
        let locals = "f64 ".repeat(MANY);
        let often = "(if (local.get 0) (then (local.set 1 (i64.const 1))))";
        let text = |times| format!("(module (func (param i32) (local i64 {locals}) {once} {}))", often.repeat(times));
        assert!(!cut(&text(CUT - 1)).0);
        let (changed, binary) = cut(&text(CUT));
        assert!(changed);
        assert_eq!(binary.function_type(1).to_string(), "(i64) -> i64");
        assert_eq!(binary.functions.len(), 2);
    }
}
