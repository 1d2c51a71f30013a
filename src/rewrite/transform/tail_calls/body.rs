//! The rewriting of a function body with tail calls.

use super::calls::{Callee, Nesting, TailCall};
use super::plan::{Plan, zero};
use crate::rewrite::offsets::{BodyEdit, ChangedBody};
use crate::wasm::ValType;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Catch, Encode, Instruction};
use wasmparser::{FunctionBody, Operator};

/// The body of a function without tail calls; none if it has none. A body with tail calls to itself becomes a loop.
pub(super) fn translate(
    function: u32,
    body: &FunctionBody<'_>,
    calls_itself: bool,
    plan: &Plan<'_>,
) -> wasmparser::Result<Option<ChangedBody>> {
    let start = body.range().start;
    let at = |position: u64| (position - start) as usize;
    let mut edit = BodyEdit::new(body.as_bytes());
    let mut reader = body.get_operators_reader()?;
    if calls_itself {
        let first = at(reader.original_position());
        let zeros = zeroed_locals(function, body, plan)?;
        edit.replace(first..first, |code| {
            Instruction::Loop(BlockType::Empty).encode(code);
            zeros.iter().for_each(|each| each.encode(code));
        });
    }
    let mut nesting = Nesting::default();
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let range = at(offset)..at(reader.original_position());
        let depth = nesting.depth();
        if calls_itself && depth == 0 && matches!(operator, Operator::End) {
            edit.replace(range.start..range.start, |code| {
                [Instruction::Return, Instruction::End, Instruction::Unreachable]
                    .iter()
                    .for_each(|each| each.encode(code));
            });
        }
        nesting.follow(&operator);
        let replacement = match operator {
            Operator::ReturnCall { function_index } if function_index == function => restart(function, depth, plan),
            Operator::ReturnCall { function_index } => {
                let call = TailCall { callee: Callee::Function(function_index), leaves_try: nesting.is_in_try() };
                leave(call, plan)
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                let callee = Callee::Entry { ty: type_index, table: table_index };
                leave(TailCall { callee, leaves_try: nesting.is_in_try() }, plan)
            }
            ref other if calls_itself => match past_loop(other, depth) {
                Some(moved) => vec![moved],
                None => continue,
            },
            _ => continue,
        };
        edit.replace(range, |code| replacement.iter().for_each(|each| each.encode(code)));
    }
    Ok(edit.finish())
}

/// Sets each declared local to zero, as at the beginning of a call.
fn zeroed_locals(
    function: u32,
    body: &FunctionBody<'_>,
    plan: &Plan<'_>,
) -> wasmparser::Result<Vec<Instruction<'static>>> {
    let mut zeros = Vec::new();
    let mut local = plan.binary.function_type(function).parameters.len() as u32;
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        let ty = ValType::from_parsed(ty).expect("the module was validated");
        for _ in 0..count {
            zeros.extend([zero(ty), Instruction::LocalSet(local)]);
            local += 1;
        }
    }
    Ok(zeros)
}

/// Writes the arguments to the parameters, and goes back to the beginning of the loop around the body.
fn restart(function: u32, depth: u32, plan: &Plan<'_>) -> Vec<Instruction<'static>> {
    let parameters = plan.binary.function_type(function).parameters.len() as u32;
    let sets = (0..parameters).rev().map(Instruction::LocalSet);
    sets.chain([Instruction::Br(depth)]).collect()
}

/// A tail call to another function: a call of its helper, which the driver loop continues, or of the callee itself.
fn leave(call: TailCall, plan: &Plan<'_>) -> Vec<Instruction<'static>> {
    let called = match (plan.helper(call), call.callee) {
        (Some(helper), _) => Instruction::Call(helper),
        (None, Callee::Function(function)) => Instruction::Call(function),
        (None, Callee::Entry { ty, table }) => Instruction::CallIndirect { type_index: ty, table_index: table },
    };
    vec![called, Instruction::Return]
}

/// A branch to the function's own label, which is outside the loop around the body; none for other instructions.
fn past_loop(operator: &Operator<'_>, depth: u32) -> Option<Instruction<'static>> {
    let moved = |label: u32| if label == depth { label + 1 } else { label };
    match operator {
        Operator::Br { relative_depth } if *relative_depth == depth => Some(Instruction::Br(depth + 1)),
        Operator::BrIf { relative_depth } if *relative_depth == depth => Some(Instruction::BrIf(depth + 1)),
        Operator::BrTable { targets } => {
            let labels: Vec<u32> = targets.targets().flatten().collect();
            let goes_out = targets.default() == depth || labels.contains(&depth);
            let labels: Vec<u32> = labels.into_iter().map(moved).collect();
            goes_out.then(|| Instruction::BrTable(labels.into(), moved(targets.default())))
        }
        Operator::TryTable { try_table } => {
            let catches = try_table.catches.iter().map(|catch| match *catch {
                wasmparser::Catch::One { tag, label } => Catch::One { tag, label: moved(label) },
                wasmparser::Catch::OneRef { tag, label } => Catch::OneRef { tag, label: moved(label) },
                wasmparser::Catch::All { label } => Catch::All { label: moved(label) },
                wasmparser::Catch::AllRef { label } => Catch::AllRef { label: moved(label) },
            });
            let catches: Vec<_> = catches.collect();
            let ty = RoundtripReencoder.block_type(try_table.ty).expect("the module was validated");
            Some(Instruction::TryTable(ty, catches.into()))
        }
        _ => None,
    }
}
