//! Forwarding bodies: functions that pass their parameters on.

use wasm_encoder::{Function, Instruction};

/// A function that passes its parameters to `call` and returns the results.
pub(in crate::rewrite) fn forwarding_body(parameters: usize, call: &[Instruction<'_>]) -> Function {
    let mut function = Function::new([]);
    for parameter in 0..parameters {
        function.instruction(&Instruction::LocalGet(parameter as u32));
    }
    for instruction in call {
        function.instruction(instruction);
    }
    function.instruction(&Instruction::End);
    function
}
