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
/// The same for the sum of squares, over all locals, of the number of blocks in which a local is written: what the
/// register allocator's time grows with. No function in 17 MB of published modules reaches it. Below, the calls cost more
/// than they save: code that runs through a cut of 20 locals each 128 `if`s takes a quarter longer.
const SQUARES: usize = 5_000_000;
/// No body of fewer bytes has so many of either: a block takes three, a write two besides what it writes.
const SMALL: usize = 3 * MANY;
/// After so many meetings, locals are cut.
const CUT: usize = 128;
/// So many locals are all cut. Of more, those whose chain is longer than a cut leaves it.
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
        Ok(changed.map_or(Cow::Borrowed(body.as_bytes()), Cow::Owned))
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

/// When each local was written last, and which blocks are open. A block's end merges the locals that are written in it.
#[derive(Default)]
struct Writes {
    time: usize,
    /// When each open block was opened
    open: Vec<usize>,
    /// For each local; 0 for never
    last: Vec<usize>,
}

impl Writes {
    /// Follows an instruction. Gives the local that it writes, with the number of open blocks that did not write it
    /// before; or when a block was opened that it ends.
    fn follow(&mut self, operator: &Operator<'_>) -> Followed {
        self.time += 1;
        match operator {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let local = *local_index as usize;
                if local >= self.last.len() {
                    self.last.resize(local + 1, 0);
                }
                let last = std::mem::replace(&mut self.last[local], self.time);
                let blocks = self.open.len() - self.open.partition_point(|opened| *opened < last);
                Followed::Written { local, blocks }
            }
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => {
                self.open.push(self.time);
                Followed::Other
            }
            _ if meets(operator) => Followed::Ended { opened: self.open.pop().unwrap_or(0) },
            _ => Followed::Other,
        }
    }
}

enum Followed {
    Written { local: usize, blocks: usize },
    Ended { opened: usize },
    Other,
}

/// How often the locals of a function are merged.
struct Chains {
    /// For each local: in how many blocks it is written
    counts: Vec<usize>,
    /// How many locals are merged
    merged: usize,
}

impl Chains {
    /// Those of a function that is to be changed.
    fn too_long(body: &FunctionBody<'_>) -> wasmparser::Result<Option<Self>> {
        if body.as_bytes().len() < SMALL {
            return Ok(None);
        }
        let (mut writes, mut counts, mut meetings) = (Writes::default(), Vec::new(), 0);
        for operator in body.get_operators_reader()? {
            match writes.follow(&operator?) {
                Followed::Written { local, blocks } => {
                    counts.resize(counts.len().max(local + 1), 0);
                    counts[local] += blocks;
                }
                Followed::Ended { .. } => meetings += 1,
                Followed::Other => {}
            }
        }
        let squares: usize = counts.iter().map(|count| count * count).sum();
        let merged = counts.iter().filter(|count| **count > 0).count();
        let chains = Self { counts, merged };
        let cuts = (0..chains.counts.len()).any(|local| chains.cuts(local));
        Ok((cuts && (meetings > MANY || squares >= SQUARES)).then_some(chains))
    }

    /// Whether cuts make the chain of a local shorter.
    fn cuts(&self, local: usize) -> bool {
        let least = if self.merged <= FEW { 1 } else { CUT };
        self.counts[local] >= least
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

/// A body whose locals go through what `identity` gives for their type. None if it would be larger than engines take.
fn change(
    body: &FunctionBody<'_>,
    locals: &[Option<ValType>],
    chains: &Chains,
    mut identity: impl FnMut(ValType) -> u32,
) -> wasmparser::Result<Option<Vec<u8>>> {
    let (bytes, start) = (body.as_bytes(), body.range().start);
    let (mut changed, mut copied) = (Vec::with_capacity(bytes.len() + bytes.len() / 8), 0);
    let to_cut: Vec<_> = (0..chains.counts.len()).filter(|local| chains.cuts(*local)).collect();
    let mut writes = Writes::default();
    // The meetings since the last cut, and when the outermost of these blocks was opened.
    let (mut count, mut outermost) = (0, usize::MAX);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        if let Followed::Ended { opened } = writes.follow(&reader.read()?) {
            count += 1;
            outermost = outermost.min(opened);
        }
        // Nothing may stand behind the last end.
        if count < CUT || reader.eof() {
            continue;
        }
        let place = (reader.original_position() - start) as usize;
        changed.extend_from_slice(&bytes[copied..place]);
        copied = place;
        for &local in to_cut.iter().filter(|local| writes.last.get(**local).is_some_and(|last| *last > outermost)) {
            let (Some(ty), local) = (locals[local], local as u32) else { continue };
            let through = [Instruction::LocalGet(local), Instruction::Call(identity(ty)), Instruction::LocalSet(local)];
            through.iter().for_each(|instruction| instruction.encode(&mut changed));
        }
        if changed.len() + bytes.len() - copied > BODY {
            return Ok(None);
        }
        (count, outermost) = (0, usize::MAX);
    }
    changed.extend_from_slice(&bytes[copied..]);
    Ok(Some(changed))
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
