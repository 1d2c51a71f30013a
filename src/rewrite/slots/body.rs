//! The rewriting of a function body.

use crate::rewrite::offsets::{BodyEdit, ChangedBody};
use crate::rewrite::slots::plan::Plan;
use wasm_encoder::{Encode, Instruction};
use wasmparser::{FunctionBody, Operator};

/// The body of a function, with calls of slot functions going through tables; none if nothing changes. All other
/// instructions are copied byte for byte.
pub(in crate::rewrite) fn rewrite(body: &FunctionBody<'_>, plan: &Plan<'_>) -> wasmparser::Result<Option<ChangedBody>> {
    let start = body.range().start;
    let mut edit = BodyEdit::new(body.as_bytes());
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let replacement = match operator {
            Operator::Call { function_index } => call(function_index, plan),
            Operator::ReturnCall { function_index } => return_call(function_index, plan),
            Operator::RefFunc { function_index } => {
                let taken = plan.taken(function_index);
                (taken != function_index).then_some(Replacement::One(Instruction::RefFunc(taken)))
            }
            Operator::TableInit { elem_index, table } => {
                let moved = plan.moved_segment(elem_index);
                (moved != elem_index).then_some(Replacement::One(Instruction::TableInit { elem_index: moved, table }))
            }
            Operator::ElemDrop { elem_index } => {
                let moved = plan.moved_segment(elem_index);
                (moved != elem_index).then_some(Replacement::One(Instruction::ElemDrop(moved)))
            }
            _ => None,
        };
        let Some(replacement) = replacement else { continue };
        let range = (offset - start) as usize..(reader.original_position() - start) as usize;
        edit.replace(range, |code| replacement.encode(code));
    }
    Ok(edit.finish())
}

/// The replacement of an instruction.
enum Replacement {
    /// No instruction: the operand is the result
    Nothing,
    One(Instruction<'static>),
    /// The index of a table entry, and an indirect call of it
    Indirect(u32, Instruction<'static>),
}

impl Replacement {
    fn encode(&self, code: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::One(instruction) => instruction.encode(code),
            Self::Indirect(entry, instruction) => {
                Instruction::I32Const(entry.cast_signed()).encode(code);
                instruction.encode(code);
            }
        }
    }
}

fn call(function: u32, plan: &Plan<'_>) -> Option<Replacement> {
    let table_index = plan.dispatch_table;
    if let Some((type_index, entry)) = plan.dispatched(function) {
        return Some(Replacement::Indirect(entry, Instruction::CallIndirect { type_index, table_index }));
    }
    if plan.removes_calls_of(function) {
        return Some(Replacement::Nothing);
    }
    let moved = plan.moved(function);
    (moved != function).then_some(Replacement::One(Instruction::Call(moved)))
}

fn return_call(function: u32, plan: &Plan<'_>) -> Option<Replacement> {
    let table_index = plan.dispatch_table;
    if let Some((type_index, entry)) = plan.dispatched(function) {
        return Some(Replacement::Indirect(entry, Instruction::ReturnCallIndirect { type_index, table_index }));
    }
    if plan.removes_calls_of(function) {
        return Some(Replacement::One(Instruction::Return));
    }
    let moved = plan.moved(function);
    (moved != function).then_some(Replacement::One(Instruction::ReturnCall(moved)))
}
