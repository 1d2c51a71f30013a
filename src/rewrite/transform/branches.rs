//! Branch tables with few cases, replaced by comparisons. Compilers emit `br_table` for two cases already. Cranelift always
//! jumps through an address in memory, which takes longer than comparisons.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::offsets::{BodyEdit, ChangedBody};
use crate::rewrite::transform::code::{Locals, change_bodies, with_code};
use crate::rewrite::transform::limits::{BODY, LOCALS};
use crate::wasm::{Binary, FuncType};
use wasm_encoder::{Encode, Instruction, ValType};
use wasmparser::{BlockType, BrTable, FunctionBody, Operator};

/// Up to this many comparisons are no slower than a table. V8 has the same limit.
const FEW: usize = 4;

/// The module with comparisons in place of its small branch tables. Nothing else changes, and no index. `binary` describes
/// the bytes.
///
/// # Errors
/// `Compile` if the bytes are not what `binary` says.
pub fn compare_branches(rewritten: &mut Rewritten<'_>) -> Result<()> {
    translate(rewritten).map_err(|error| ErrorKind::pass_failed(error).into())
}

fn translate(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let (bytes, binary) = (&rewritten.bytes, &rewritten.binary);
    let (code, offsets) = change_bodies(bytes, binary, |function, body| {
        FunctionTranslator::new(binary, binary.function_type(function)).translate(body)
    })?;
    if !offsets.is_empty() {
        rewritten.bytes = with_code(bytes, &code, |_, _| Ok(None))?.into();
        rewritten.offsets.add(offsets);
    }
    Ok(())
}

/// The open labels of a function.
struct FunctionTranslator<'a> {
    binary: &'a Binary,
    parameters: usize,
    /// For each open label, the innermost last: whether a branch to it carries values
    labels: Vec<bool>,
}

impl<'a> FunctionTranslator<'a> {
    fn new(binary: &'a Binary, ty: &FuncType) -> Self {
        Self { binary, parameters: ty.parameters.len(), labels: vec![!ty.results.is_empty()] }
    }

    /// Its body with comparisons; none if nothing changes.
    fn translate(mut self, body: &FunctionBody<'_>) -> wasmparser::Result<Option<ChangedBody>> {
        let bytes = body.as_bytes();
        let offset_of = |position: u64| (position - body.range().start) as usize;
        let locals = Locals::of(body, self.parameters)?;
        if locals.next >= LOCALS {
            return Ok(None);
        }
        let mut reader = body.get_operators_reader()?;
        let start = offset_of(reader.original_position());
        let (mut edit, mut has_cases) = (BodyEdit::new(bytes), false);
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            if let Operator::BrTable { targets } = &operator
                && let Some(cases) = self.cases(targets)?
            {
                // The locals come first: one more is declared.
                if !has_cases {
                    edit.replace(0..start, |code| locals.encode(1, ValType::I32, code));
                }
                has_cases = true;
                edit.replace(offset_of(offset)..offset_of(reader.original_position()), |code| {
                    cases.encode(locals.next, code);
                });
            }
            self.follow(&operator);
        }
        Ok(edit.finish().filter(|changed| changed.code.len() <= BODY))
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
            // A branch to a loop goes to its beginning. The translation of legacy exceptions adds types that `binary` does
            // not describe; these may have parameters or results.
            BlockType::FuncType(index) => self.binary.types.get(index as usize).is_none_or(|ty| {
                let values = if is_loop { &ty.parameters } else { &ty.results };
                !values.is_empty()
            }),
        });
    }

    /// The cases of a branch table; none if there are many, or if the branch carries values. In unreachable code, the
    /// types of these values are unknown, and would become the types of the first label.
    fn cases(&self, table: &BrTable<'_>) -> wasmparser::Result<Option<Cases>> {
        let takes_values = |label: u32| self.labels.iter().rev().nth(label as usize).is_none_or(|takes| *takes);
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (index, label) in (1..).zip(table.targets()) {
            let label = label?;
            let more_than_few = runs.len() > FEW;
            match runs.last_mut() {
                Some((end, last)) if *last == label => *end = index,
                // One run more is allowed if it goes to the default label.
                _ if more_than_few => return Ok(None),
                _ => runs.push((index, label)),
            }
        }
        runs.pop_if(|(_, label)| *label == table.default());
        let labels = runs.iter().map(|(_, label)| *label).chain([table.default()]);
        Ok((runs.len() <= FEW && !labels.clone().any(takes_values)).then_some(Cases { runs, default: table.default() }))
    }
}

/// The targets of a branch table.
struct Cases {
    /// Runs of indices, in order: the index after the run, and its label
    runs: Vec<(u32, u32)>,
    /// The label for all other indices
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
    use std::borrow::Cow;
    use wasmparser::{Parser, Payload, Validator, WasmFeatures};

    /// The branches of the module's first function, as text.
    fn branches(text: &str) -> Vec<String> {
        let bytes = wat::parse_str(text).unwrap();
        let mut rewritten = Rewritten::unchanged(&bytes, Binary::parse(&bytes, Features::EVERYTHING).unwrap());
        compare_branches(&mut rewritten).unwrap();
        let translated = rewritten.bytes;
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
    fn neighbours_with_one_label_are_one_case() {
        assert_eq!(within_blocks("0 0 0 1 1 2 2 2"), ["3", "-> 0", "5", "-> 1", "else 2"]);
        assert_eq!(within_blocks("1 1 1"), ["else 1"]);
        // The last ones go to the default label.
        assert_eq!(within_blocks("0 1 2 3 4 4 4"), ["1", "-> 0", "2", "-> 1", "3", "-> 2", "4", "-> 3", "else 4"]);
        assert_eq!(within_blocks("0 1 2 3 4 4 5"), ["table"]);
        assert_eq!(within_blocks("0 1 0 1 0 1"), ["table"]);
    }

    #[test]
    fn a_table_that_carries_values_stays() {
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
    fn a_function_with_the_maximum_of_locals_stays() {
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
    fn a_module_without_branch_tables_is_not_copied() {
        let bytes = wat::parse_str("(module (func (param i32) block (br_if 0 (local.get 0)) end))").unwrap();
        let mut rewritten = Rewritten::unchanged(&bytes, Binary::parse(&bytes, Features::EVERYTHING).unwrap());
        compare_branches(&mut rewritten).unwrap();
        assert!(matches!(rewritten.bytes, Cow::Borrowed(_)));
    }
}
