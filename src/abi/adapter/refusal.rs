//! The refusal of addresses that are not valid, and of room in the memory of a caller that is JavaScript.

use super::code::{AdapterCode, AdapterFunctions, KNOWN_SIZE, REFUSED, Refusal, Side, place};
use crate::abi::layout::TypeLayout;
use crate::wasm::ValType;
use wasm_encoder::Instruction;

/// Address of the end of the used bytes in the transfer memory.
const END: u32 = 0;

/// Refuses an address that is not aligned.
pub fn refuse_unless_aligned(
    code: &mut AdapterCode,
    functions: &AdapterFunctions,
    address: u32,
    align: u32,
    returned: Option<u32>,
) {
    if align > 1 {
        code.get(address);
        code.i32(align - 1);
        code.push(Instruction::I32And);
        functions.refuse_if(code, returned);
    }
}

/// Refuses bytes that do not lie in the memory of `side`. `bytes` is a local with their number, of 64 bits.
pub fn refuse_beyond(
    code: &mut AdapterCode,
    functions: &AdapterFunctions,
    address: u32,
    bytes: u32,
    side: Side,
    returned: Option<u32>,
) {
    let push_end = |code: &mut AdapterCode| {
        code.get(address);
        code.push(Instruction::I64ExtendI32U);
        code.get(bytes);
        code.push(Instruction::I64Add);
    };
    let push_size = |code: &mut AdapterCode| {
        code.push(Instruction::MemorySize(side.memory()));
        code.push(Instruction::I64ExtendI32U);
        code.push(Instruction::I64Const(16));
        code.push(Instruction::I64Shl);
    };
    push_end(code);
    if functions.refusal == Refusal::Trap {
        push_size(code);
        code.push(Instruction::I64GtU);
        return code.trap_if();
    }
    // The engine's `memory.size` is a call, so the module remembers the size.
    code.push(Instruction::GlobalGet(KNOWN_SIZE));
    code.push(Instruction::I64GtU);
    code.begin_if();
    push_size(code);
    code.push(Instruction::GlobalSet(KNOWN_SIZE));
    push_end(code);
    code.push(Instruction::GlobalGet(KNOWN_SIZE));
    code.push(Instruction::I64GtU);
    functions.refuse_if(code, returned);
    code.end();
}

/// Refuses memory for the arguments that is not in the callee's memory, and leaves the block around the call.
pub fn check_area(code: &mut AdapterCode, functions: &AdapterFunctions, layout: &TypeLayout, area: u32) {
    if functions.refusal != Refusal::Trap {
        let bytes = code.local(ValType::I64);
        code.push(Instruction::I64Const(layout.size.into()));
        code.set(bytes);
        refuse_unless_aligned(code, functions, area, layout.align, None);
        refuse_beyond(code, functions, area, bytes, Side::B, None);
        leave_if_refused(code);
    }
}

/// Leaves the innermost block if a value was refused.
pub fn leave_if_refused(code: &mut AdapterCode) {
    code.push(Instruction::GlobalGet(REFUSED));
    code.push(Instruction::BrIf(0));
}

/// Gives room in the transfer memory: sets the local `target` to its address, or refuses. `bytes` is a local of 64 bits.
pub fn reserve(code: &mut AdapterCode, functions: &AdapterFunctions, align: u32, bytes: u32, target: u32) {
    let Refusal::Note(size) = functions.refusal else { return };
    let end = code.local(ValType::I64);
    code.i32(0);
    code.push(Instruction::I32Load(place(Side::A, END)));
    code.i32(align - 1);
    code.push(Instruction::I32Add);
    code.i32(align.wrapping_neg());
    code.push(Instruction::I32And);
    code.push(Instruction::LocalTee(target));
    code.push(Instruction::I64ExtendI32U);
    code.get(bytes);
    code.push(Instruction::I64Add);
    code.push(Instruction::LocalTee(end));
    code.push(Instruction::I64Const(size.into()));
    code.push(Instruction::I64GtU);
    functions.refuse_if(code, Some(align));
    code.i32(0);
    code.get(end);
    code.push(Instruction::I64Store32(place(Side::A, END)));
}
