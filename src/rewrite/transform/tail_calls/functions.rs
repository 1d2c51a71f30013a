//! The functions that are added for tail calls: entries, helpers, hops, driver loops and steps.

use super::calls::{Callee, TailCall};
use super::plan::{Group, Plan, zero};
use super::{FETCH, OTHER, PUBLISH};
use crate::rewrite::generate::adapter::encoded;
use crate::wasm::{FuncType, ValType};
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{FunctionBody, Operator};

/// A function that is being written.
struct Writer(Function);

impl Writer {
    fn new(locals: impl IntoIterator<Item = ValType>) -> Self {
        Self(Function::new_with_locals_types(locals.into_iter().map(encoded)))
    }

    fn add(&mut self, instructions: impl IntoIterator<Item = Instruction<'static>>) {
        for instruction in instructions {
            self.0.instruction(&instruction);
        }
    }

    fn finish(mut self) -> Function {
        self.add([Instruction::End]);
        self.0
    }
}

fn parameters(ty: &FuncType) -> impl Iterator<Item = Instruction<'static>> {
    (0..ty.parameters.len() as u32).map(Instruction::LocalGet)
}

/// The entry of a function whose body is `body`. A driver loop that calls it makes the tail call that the body leaves; for
/// any other caller, the entry runs a driver loop. `forwarded` is the code of a thunk or forwarder: for other callers, that
/// is enough.
pub(super) fn entry(
    plan: &Plan<'_>,
    function: u32,
    body: u32,
    forwarded: Option<Vec<Instruction<'static>>>,
) -> Function {
    let ty = plan.binary.function_type(function);
    let group = plan.group(&ty.results).expect("a leaving function has a tail call with its results");
    let caller = ty.parameters.len() as u32;
    let mut writer = Writer::new([ValType::I32]);
    let run = |writer: &mut Writer| {
        // An interrupted call may have left this.
        writer.add([Instruction::I32Const(0), Instruction::GlobalSet(plan.waiting)]);
        writer.add(parameters(ty));
        writer.add([Instruction::Call(body)]);
    };
    writer.add([Instruction::GlobalGet(plan.flag), Instruction::LocalTee(caller), Instruction::If(BlockType::Empty)]);
    writer.add([Instruction::I32Const(0), Instruction::GlobalSet(plan.flag)]);
    run(&mut writer);
    writer.add([Instruction::LocalGet(caller), Instruction::I32Const(OTHER), Instruction::I32Eq]);
    writer.add([Instruction::GlobalGet(plan.waiting), Instruction::I32Const(0), Instruction::I32Ne]);
    writer.add([Instruction::I32And, Instruction::If(BlockType::Empty)]);
    writer.add(publish(plan, group));
    writer.add([Instruction::End, Instruction::Return, Instruction::End]);
    if let Some(forwarded) = forwarded {
        writer.add(forwarded);
        return writer.finish();
    }
    run(&mut writer);
    writer.add([Instruction::GlobalGet(plan.waiting), Instruction::I32Eqz, Instruction::BrIf(0)]);
    writer.add(group.results.iter().map(|_| Instruction::Drop));
    writer.add([Instruction::Call(group.driver)]);
    writer.finish()
}

/// The code of a thunk or forwarder with a call in place of its tail call.
pub(super) fn forwarded(body: &FunctionBody<'_>) -> wasmparser::Result<Vec<Instruction<'static>>> {
    let mut code = Vec::new();
    for operator in body.get_operators_reader()? {
        code.extend(match operator? {
            Operator::LocalGet { local_index } => Some(Instruction::LocalGet(local_index)),
            Operator::I32Const { value } => Some(Instruction::I32Const(value)),
            Operator::ReturnCall { function_index } => Some(Instruction::Call(function_index)),
            Operator::ReturnCallIndirect { type_index, table_index } => {
                Some(Instruction::CallIndirect { type_index, table_index })
            }
            _ => None,
        });
    }
    Ok(code)
}

/// Tells the host which step makes the call that waits.
fn publish(plan: &Plan<'_>, group: &Group) -> [Instruction<'static>; 4] {
    let ask = Instruction::TableGrow(plan.table);
    [Instruction::RefFunc(group.step), Instruction::I32Const(PUBLISH), ask, Instruction::Drop]
}

/// The helper of a tail call. Its parameters are the arguments and, for a table entry, its number. If a driver loop can
/// make the call, it stores them and returns zeros; else it calls.
pub(super) fn helper(plan: &Plan<'_>, call: TailCall) -> Function {
    let ty = call.ty(plan.binary);
    let stored = plan.stored(call);
    let (entry, whose) = (ty.parameters.len() as u32, stored.len() as u32);
    let mut writer = Writer::new([ValType::I32]);
    let group = plan.group(&ty.results).expect("the call has a group");
    let number = group.calls.iter().position(|each| *each == call).map_or(0, |index| index as i32 + 1);
    let mut leave = Vec::new();
    for (value, global) in (0..).zip(plan.globals_for(&stored)) {
        leave.extend([Instruction::LocalGet(value), Instruction::GlobalSet(global)]);
    }
    leave.extend([Instruction::I32Const(number), Instruction::GlobalSet(plan.waiting)]);
    leave.extend(group.results.iter().map(|result| zero(*result)));
    let reference = match call.callee {
        Callee::Function(_) => plan.import(call).map(|import| vec![Instruction::RefFunc(import)]),
        Callee::Entry { table, .. } => Some(vec![Instruction::LocalGet(entry), Instruction::TableGet(table)]),
    };
    let Some(reference) = reference else {
        // A function of the module: the driver loop calls its body.
        writer.add(leave);
        return writer.finish();
    };
    writer.add(reference);
    let type_index = call.type_index(plan.binary);
    writer.add([Instruction::I32Const(type_index.cast_signed()), Instruction::TableGrow(plan.table)]);
    if call.leaves_try {
        writer.add([Instruction::GlobalSet(plan.whose)]);
        writer.add(leave);
        return writer.finish();
    }
    writer.add([Instruction::LocalTee(whose), Instruction::If(BlockType::Empty)]);
    writer.add([Instruction::LocalGet(whose), Instruction::GlobalSet(plan.whose)]);
    writer.add(leave);
    writer.add([Instruction::Return, Instruction::End]);
    writer.add(parameters(ty));
    match call.callee {
        Callee::Function(function) => writer.add([Instruction::Call(function)]),
        Callee::Entry { ty, table } => {
            writer
                .add([Instruction::LocalGet(entry), Instruction::CallIndirect { type_index: ty, table_index: table }]);
        }
    }
    writer.finish()
}

/// The hop of a group: makes the call that waits. Afterwards, if none waits, `whose` tells whose entry it called.
pub(super) fn hop(plan: &Plan<'_>, group: &Group) -> Function {
    let (whose, number) = (0, 1);
    let mut writer = Writer::new([ValType::I32; 2]);
    writer.add([Instruction::GlobalGet(plan.whose), Instruction::LocalSet(whose)]);
    writer.add([Instruction::GlobalGet(plan.waiting), Instruction::LocalSet(number)]);
    writer.add([Instruction::I32Const(0), Instruction::GlobalSet(plan.waiting)]);
    let last = group.calls.len() as u32 - 1;
    writer.add(group.calls.iter().map(|_| Instruction::Block(BlockType::Empty)));
    writer.add([Instruction::LocalGet(number), Instruction::I32Const(1), Instruction::I32Sub]);
    writer.add([Instruction::BrTable((0..last).collect::<Vec<_>>().into(), last)]);
    for call in &group.calls {
        writer.add([Instruction::End]);
        let stored = plan.stored(*call);
        for (ty, global) in stored.iter().zip(plan.globals_for(&stored)) {
            writer.add([Instruction::GlobalGet(global)]);
            // A global would keep what the reference means alive.
            if matches!(ty, ValType::Ref(_)) {
                writer.add([zero(*ty), Instruction::GlobalSet(global)]);
            }
        }
        let after = match call.callee {
            Callee::Function(function) if plan.import(*call).is_none() => {
                let body = plan.bodies.get(&function).copied();
                writer.add([Instruction::Call(body.unwrap_or(function))]);
                Instruction::I32Const(0)
            }
            Callee::Function(import) => {
                writer.add([Instruction::Call(import)]);
                Instruction::LocalGet(whose)
            }
            Callee::Entry { ty, table } => {
                writer.add([Instruction::CallIndirect { type_index: ty, table_index: table }]);
                Instruction::LocalGet(whose)
            }
        };
        // If a call waits now, the global is about that call.
        writer.add([Instruction::GlobalGet(plan.waiting), Instruction::I32Eqz, Instruction::If(BlockType::Empty)]);
        writer.add([after, Instruction::GlobalSet(plan.whose), Instruction::End, Instruction::Return]);
    }
    writer.add([Instruction::Unreachable]);
    writer.finish()
}

/// The driver loop of a group: makes calls until none waits, in this instance or in one that it has called.
/// `type_index` is the type of steps.
pub(super) fn driver(plan: &Plan<'_>, group: &Group, type_index: u32) -> Function {
    let mut writer = Writer::new(group.results.iter().copied());
    let results = group.results.len() as u32;
    let keep = || (0..results).rev().map(Instruction::LocalSet);
    let empty = BlockType::Empty;
    writer.add([Instruction::Loop(empty), Instruction::Call(group.hop)]);
    writer.add(keep());
    writer.add([Instruction::Block(empty), Instruction::Loop(empty)]);
    writer.add([Instruction::GlobalGet(plan.waiting), Instruction::BrIf(2)]);
    writer.add([Instruction::GlobalGet(plan.whose), Instruction::I32Const(OTHER), Instruction::I32Ne]);
    writer.add([Instruction::BrIf(1)]);
    writer.add([zero(ValType::Ref(crate::wasm::RefType::Func)), Instruction::I32Const(FETCH)]);
    writer.add([Instruction::TableGrow(plan.table), Instruction::I32Eqz, Instruction::BrIf(1)]);
    writer.add([Instruction::I32Const(0), Instruction::CallIndirect { type_index, table_index: plan.table }]);
    writer.add(keep());
    writer.add([Instruction::GlobalGet(plan.waiting), Instruction::BrIf(2)]);
    writer.add([Instruction::I32Const(OTHER), Instruction::GlobalSet(plan.whose), Instruction::Br(0)]);
    writer.add([Instruction::End, Instruction::End, Instruction::End]);
    writer.add((0..results).map(Instruction::LocalGet));
    writer.finish()
}

/// The step of a group: makes the call that waits, for the driver loop of another instance.
pub(super) fn step(plan: &Plan<'_>, group: &Group) -> Function {
    let mut writer = Writer::new([]);
    writer.add([Instruction::Call(group.hop), Instruction::GlobalGet(plan.waiting)]);
    writer.add([Instruction::If(BlockType::Empty)]);
    writer.add(publish(plan, group));
    writer.add([Instruction::End]);
    writer.finish()
}
