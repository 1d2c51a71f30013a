//! Functions with thousands of joins of control flow, for Cranelift. At a join, each local that differs gets a new value. The
//! register allocator tries to keep this chain of values in one register, in a time that grows with the square of its length.
//! So in such functions, locals go through calls of an identity function from time to time. Each call begins a new chain.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::offsets::{BodyEdit, ChangedBody};
use crate::rewrite::slots::sections::Sections;
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::limits::BODY;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{Binary, FuncType, RefType, ValType};
use std::collections::HashMap;
use wasm_encoder::{Encode, Function, Instruction};
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Operator, Parser, Payload};

/// Number of joins from which a function is changed. Handwritten code has far fewer.
const MANY: usize = 2000;
/// The other limit, for the squares of the number of blocks that write each local, summed over all locals. The register
/// allocator's time grows with this sum. No function in 17 MB of published modules reaches the limit. Below it, the calls
/// cost more than they save: code that cuts 20 locals every 128 `if`s takes a quarter longer.
const SQUARES: usize = 5_000_000;
/// No shorter body, in bytes, reaches either limit: a block takes three bytes, a write two besides its operand.
const SMALL: usize = 3 * MANY;
/// Number of joins after which locals are cut.
const CUT: usize = 128;
/// Up to this number of merged locals, all are cut. If there are more, only the locals that at least `CUT` blocks write
/// are cut.
const FEW: usize = 16;

/// Cuts locals in functions with very many joins. A module without any stays unchanged.
///
/// # Errors
/// `Compile` if the bytes are not what the description says.
pub fn cut_chains(rewritten: &mut Rewritten<'_>) -> Result<()> {
    cut(rewritten).map_err(|error| ErrorKind::pass_failed(error).into())
}

fn cut(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let mut outlined = Outlined::new(&rewritten.binary);
    let mut known: HashMap<ValType, u32> = HashMap::new();
    let (code, offsets) = change_bodies(&rewritten.bytes, &rewritten.binary, |function, body| {
        let Some(chains) = Chains::too_long(body)? else { return Ok(None) };
        let locals = locals(&rewritten.binary.function_type(function).parameters, body)?;
        change(body, &locals, &chains, |ty| {
            *known.entry(ty).or_insert_with(|| {
                let mut function = Function::new([]);
                function.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::End);
                outlined.add(FuncType { parameters: [ty].into(), results: [ty].into() }, function)
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

/// Whether control flow joins after an instruction.
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

/// The last write of each local, and the open blocks, in a time that counts instructions. A block's end merges the locals
/// that are written in the block.
#[derive(Default)]
struct Writes {
    time: usize,
    /// The time at which each open block was opened
    open: Vec<usize>,
    /// The time of each local's last write; 0 for none
    last: Vec<usize>,
}

impl Writes {
    /// Follows an instruction. For a write, returns the local and the number of open blocks that write it for the first
    /// time. For the end of a block, returns the time at which the block was opened.
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

/// Lengths of the chains of a function's locals.
struct Chains {
    /// For each local, the number of blocks that write it
    counts: Vec<usize>,
    /// Number of merged locals
    merged: usize,
}

impl Chains {
    /// The chains of a function, if they are so long that it must be changed; none for other functions.
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

    /// Whether a local is cut.
    fn cuts(&self, local: usize) -> bool {
        let least = if self.merged <= FEW { 1 } else { CUT };
        self.counts[local] >= least
    }
}

/// The type of each local of a function; none if the local cannot go through a call.
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

/// The body with its locals cut; none if it would exceed the limit of engines. `identity` returns the identity function of a
/// type.
fn change(
    body: &FunctionBody<'_>,
    locals: &[Option<ValType>],
    chains: &Chains,
    mut identity: impl FnMut(ValType) -> u32,
) -> wasmparser::Result<Option<ChangedBody>> {
    let start = body.range().start;
    let mut edit = BodyEdit::new(body.as_bytes());
    let to_cut: Vec<_> = (0..chains.counts.len()).filter(|local| chains.cuts(*local)).collect();
    let mut writes = Writes::default();
    // The number of joins since the last cut, and the time at which the outermost of their blocks was opened.
    let (mut count, mut outermost) = (0, usize::MAX);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        if let Followed::Ended { opened } = writes.follow(&reader.read()?) {
            count += 1;
            outermost = outermost.min(opened);
        }
        // No instruction may follow the last `end`.
        if count < CUT || reader.eof() {
            continue;
        }
        let offset = (reader.original_position() - start) as usize;
        edit.replace(offset..offset, |code| {
            for &local in to_cut.iter().filter(|local| writes.last.get(**local).is_some_and(|last| *last > outermost)) {
                let (Some(ty), local) = (locals[local], local as u32) else { continue };
                let cut = [Instruction::LocalGet(local), Instruction::Call(identity(ty)), Instruction::LocalSet(local)];
                cut.iter().for_each(|instruction| instruction.encode(code));
            }
        });
        if edit.size() > BODY {
            return Ok(None);
        }
        (count, outermost) = (0, usize::MAX);
    }
    Ok(edit.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Features;
    use std::borrow::Cow;

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
    fn only_functions_beyond_a_limit_are_changed() {
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
