//! Branch tables of few cases as comparisons. Compilers write `br_table` for two cases already, and leave it to the engine
//! what becomes of it; Cranelift makes a jump to an address in memory of any, which takes longer than to compare.

use crate::error::{ErrorKind, Result};
use crate::rewrite::transform::code::{Locals, change_bodies, with_code};
use crate::rewrite::transform::limits::{BODY, LOCALS};
use crate::wasm::{Binary, FuncType};
use std::borrow::Cow;
use wasm_encoder::{Encode, Instruction, ValType};
use wasmparser::{BlockType, BrTable, FunctionBody, Operator};

/// As many comparisons are no slower. V8 draws the line here, too.
const FEW: usize = 4;

/// The module with its small branch tables as comparisons. Nothing else changes, no index neither. `binary` describes the
/// bytes.
///
/// # Errors
/// `Compile` if the bytes are not what `binary` says.
pub fn compare_branches<'a>(bytes: &'a [u8], binary: &Binary) -> Result<Cow<'a, [u8]>> {
    translate(bytes, binary)
        .map_err(|error| ErrorKind::Compile { message: format!("the load-time pass failed: {error}") }.into())
}

fn translate<'a>(bytes: &'a [u8], binary: &Binary) -> wasmparser::Result<Cow<'a, [u8]>> {
    let mut changed = false;
    let code = change_bodies(bytes, binary, |function, body| {
        let translated = Function::new(binary, binary.function_type(function)).translate(body)?;
        changed |= translated.is_some();
        Ok(translated.map_or(Cow::Borrowed(body.as_bytes()), Cow::Owned))
    })?;
    if !changed {
        return Ok(bytes.into());
    }
    Ok(with_code(bytes, &code, |_, _| Ok(None))?.into())
}

/// A function, as far as its branches go.
struct Function<'a> {
    binary: &'a Binary,
    parameters: usize,
    /// The labels that are open, the innermost last: whether a branch there takes values along
    labels: Vec<bool>,
}

impl<'a> Function<'a> {
    fn new(binary: &'a Binary, ty: &FuncType) -> Self {
        Self { binary, parameters: ty.parameters.len(), labels: vec![!ty.results.is_empty()] }
    }

    /// Its body with comparisons; none if there is nothing to do.
    fn translate(mut self, body: &FunctionBody<'_>) -> wasmparser::Result<Option<Vec<u8>>> {
        let bytes = body.as_bytes();
        let place = |position: u64| (position - body.range().start) as usize;
        let locals = Locals::of(body, self.parameters)?;
        if locals.next >= LOCALS {
            return Ok(None);
        }
        let mut reader = body.get_operators_reader()?;
        let start = place(reader.original_position());
        let (mut code, mut copied) = (Vec::new(), start);
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            if let Operator::BrTable { targets } = &operator
                && let Some(cases) = self.cases(targets)?
            {
                code.extend_from_slice(&bytes[copied..place(offset)]);
                cases.encode(locals.next, &mut code);
                copied = place(reader.original_position());
            }
            self.follow(&operator);
        }
        if copied == start {
            return Ok(None);
        }
        let mut translated = Vec::with_capacity(bytes.len() + code.len() / 4);
        locals.encode(1, ValType::I32, &mut translated);
        translated.extend_from_slice(&code);
        translated.extend_from_slice(&bytes[copied..]);
        Ok((translated.len() <= BODY).then_some(translated))
    }

    /// Opens and closes labels.
    fn follow(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => self.open(*blockty, false),
            Operator::TryTable { try_table } => self.open(try_table.ty, false),
            Operator::Loop { blockty } => self.open(*blockty, true),
            Operator::End => drop(self.labels.pop()),
            _ => {}
        }
    }

    fn open(&mut self, ty: BlockType, is_loop: bool) {
        self.labels.push(match ty {
            BlockType::Empty => false,
            BlockType::Type(_) => !is_loop,
            // A branch to a loop goes to where it begins. Types that are not described, which the translation of legacy
            // exceptions adds, may have any.
            BlockType::FuncType(index) => self.binary.types.get(index as usize).is_none_or(|ty| {
                let values = if is_loop { &ty.parameters } else { &ty.results };
                !values.is_empty()
            }),
        });
    }

    /// The cases of a branch table; none if there are many, or if values go along: these would have the types of the first
    /// label for all others, where code that is never reached does not say which they are.
    fn cases(&self, table: &BrTable<'_>) -> wasmparser::Result<Option<Cases>> {
        let takes_values = |label: u32| self.labels.iter().rev().nth(label as usize).is_none_or(|takes| *takes);
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (index, label) in (1..).zip(table.targets()) {
            let label = label?;
            let more_than_few = runs.len() > FEW;
            match runs.last_mut() {
                Some((end, last)) if *last == label => *end = index,
                // One more may be of those that do as the others.
                _ if more_than_few => return Ok(None),
                _ => runs.push((index, label)),
            }
        }
        runs.pop_if(|(_, label)| *label == table.default());
        let labels = runs.iter().map(|(_, label)| *label).chain([table.default()]);
        Ok((runs.len() <= FEW && !labels.clone().any(takes_values)).then_some(Cases { runs, default: table.default() }))
    }
}

/// Where a branch goes, by its index.
struct Cases {
    /// Below which index to which label, in order
    runs: Vec<(u32, u32)>,
    /// The label for all others
    default: u32,
}

impl Cases {
    /// Writes the comparisons, with a local for the index.
    fn encode(&self, index: u32, code: &mut Vec<u8>) {
        Instruction::LocalSet(index).encode(code);
        for (end, label) in &self.runs {
            Instruction::LocalGet(index).encode(code);
            Instruction::I32Const(end.cast_signed()).encode(code);
            Instruction::I32LtU.encode(code);
            Instruction::BrIf(*label).encode(code);
        }
        Instruction::Br(self.default).encode(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Features;
    use wasmparser::{Parser, Payload, Validator, WasmFeatures};

    /// The branches of the module's first function, in words.
    fn branches(text: &str) -> Vec<String> {
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
        let translated = compare_branches(&bytes, &binary).unwrap();
        Validator::new_with_features(WasmFeatures::all()).validate_all(&translated).unwrap();
        let bodies = Parser::new(0).parse_all(&translated).filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let body = bodies.into_iter().next().unwrap();
        let mut words = Vec::new();
        for operator in body.get_operators_reader().unwrap() {
            words.extend(match operator.unwrap() {
                Operator::I32Const { value } => Some(format!("{value}")),
                Operator::BrIf { relative_depth } => Some(format!("-> {relative_depth}")),
                Operator::Br { relative_depth } => Some(format!("else {relative_depth}")),
                Operator::BrTable { .. } => Some("table".to_owned()),
                _ => None,
            });
        }
        words
    }

    fn within_blocks(table: &str) -> Vec<String> {
        branches(&format!(
            "(module (func (param i32) (local i64 f64) block block block block block block
               (br_table {table} (local.get 0)) end end end end end end))"
        ))
    }

    #[test]
    fn few_cases_are_compared() {
        assert_eq!(within_blocks("0 1 2"), ["1", "-> 0", "2", "-> 1", "else 2"]);
        assert_eq!(within_blocks("3"), ["else 3"]);
        assert_eq!(within_blocks("0 1 2 3 4"), ["1", "-> 0", "2", "-> 1", "3", "-> 2", "4", "-> 3", "else 4"]);
        assert_eq!(within_blocks("0 1 2 3 4 5"), ["table"]);
    }

    #[test]
    fn neighbours_that_do_the_same_are_one_case() {
        assert_eq!(within_blocks("0 0 0 1 1 2 2 2"), ["3", "-> 0", "5", "-> 1", "else 2"]);
        assert_eq!(within_blocks("1 1 1"), ["else 1"]);
        // The last ones do what all others do.
        assert_eq!(within_blocks("0 1 2 3 4 4 4"), ["1", "-> 0", "2", "-> 1", "3", "-> 2", "4", "-> 3", "else 4"]);
        assert_eq!(within_blocks("0 1 2 3 4 4 5"), ["table"]);
        assert_eq!(within_blocks("0 1 0 1 0 1"), ["table"]);
    }

    #[test]
    fn a_table_that_takes_values_along_stays() {
        let with_value = |code: &str| branches(&format!("(module (func (param i32) (result i32) {code}))"));
        assert_eq!(with_value("block (result i32) (br_table 0 1 0 (i32.const 7) (local.get 0)) end"), ["7", "table"]);
        assert_eq!(with_value("block (result f64) unreachable br_table 0 1 end drop unreachable"), ["table"]);
        assert_eq!(
            with_value("loop (result i32) (br_table 0 0 0 (local.get 0)) end"),
            ["else 0"],
            "a loop takes nothing from a branch"
        );
        let inner = "(i32.const 1) loop (param i32) (result i32) (br_table 0 0 (local.get 0)) end";
        assert_eq!(with_value(inner), ["1", "table"]);
    }

    #[test]
    fn a_function_with_as_many_locals_as_may_be_stays() {
        let text = |locals: u32| {
            format!(
                "(module (func (param i32) (local {}) block (br_table 0 0 (local.get 0)) end))",
                "i32 ".repeat(locals as usize)
            )
        };
        assert_eq!(branches(&text(LOCALS - 2)), ["else 0"]);
        assert_eq!(branches(&text(LOCALS - 1)), ["table"]);
    }

    #[test]
    fn what_has_no_such_table_is_not_copied() {
        let bytes = wat::parse_str("(module (func (param i32) block (br_if 0 (local.get 0)) end))").unwrap();
        let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
        assert!(matches!(compare_branches(&bytes, &binary).unwrap(), Cow::Borrowed(_)));
    }
}
