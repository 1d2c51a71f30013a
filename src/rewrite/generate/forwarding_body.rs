use wasm_encoder::{Function, Instruction};

/// A function that hands its parameters to `call` and gives what that gives.
pub(in crate::rewrite) fn relay(parameters: usize, call: &[Instruction<'_>]) -> Function {
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
