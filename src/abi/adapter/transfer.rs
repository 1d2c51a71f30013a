//! Transfer modules: they take a call of a typed function from JavaScript, so that it crosses to wasm once.
//!
//! JavaScript writes the lowered arguments to the **transfer memory** of the store, `a.memory`, and reads the result there. In
//! between, the module does what JavaScript would do by a call each: it allocates in the callee, calls, copies the result and
//! lets the callee free it. It refuses no more than JavaScript, and with the same words: it only notes that something is not as it
//! should be, and JavaScript then does the same by itself, step by step.
//!
//! The transfer memory begins with a head of numbers of 32 bits: the end of the used bytes, the status, the address of a result
//! that was not copied, and whether text of the result has bytes beyond ASCII.

use super::code::{AdapterCode, AdapterFunctions, KNOWN_SIZE, NOT_ASCII, REFUSED, Refusal, Side, place};
use super::refusal::{leave_if_refused, refuse_beyond, refuse_unless_aligned};
use super::{arguments, finish, import_callee, import_memories, memory};
use crate::abi::function_type::FunctionType;
use crate::abi::value_type::ValueType;
use crate::wasm::ValType;
use wasm_encoder::{BlockType, ConstExpr, GlobalSection, GlobalType, ImportSection, Instruction};

/// Addresses of the numbers of the head.
const STATUS: u32 = 4;
const UNREAD: u32 = 8;
const BEYOND_ASCII: u32 = 12;

/// Status of a call whose result, if it goes through memory, is in the transfer memory.
const DONE: u32 = 0;
/// Status of a call whose result is still in the callee's memory, and was not freed.
const RESULT_UNREAD: u32 = 1;
/// Status of a call that has not called the function, since memory for its arguments was refused.
const NOT_CALLED: u32 = 2;

/// The transfer module for a function of this type, which uses memory; `size` is that of the transfer memory in bytes.
///
/// It imports, as far as the type needs them: `a.memory`, the transfer memory; `b.memory`, `b.cabi_realloc`, `b.call` and
/// `b.post`. Its function `call` has the shape of a slot's import.
pub fn transfer(function: &FunctionType, has_post: bool, size: u32) -> Vec<u8> {
    let mut functions = AdapterFunctions::new([true; 2]);
    functions.refusal = Refusal::Note(size);
    let mut imports = ImportSection::new();
    import_memories(&mut imports);
    let (call, post) = import_callee(function, &mut functions, &mut imports, has_post);
    let lowered = function.lowered();
    let main = functions.reserve(&lowered.parameters, &lowered.results);
    let code = body(function, &mut functions, call, post);
    functions.define(main, code);
    let mut globals = GlobalSection::new();
    for (index, ty) in [(REFUSED, ValType::I32), (KNOWN_SIZE, ValType::I64), (NOT_ASCII, ValType::I64)] {
        debug_assert_eq!(index, globals.len());
        let initial = if ty == ValType::I32 { ConstExpr::i32_const(0) } else { ConstExpr::i64_const(0) };
        globals.global(GlobalType { val_type: super::code::encoded(ty), mutable: true, shared: false }, &initial);
    }
    finish(functions, &imports, &globals, main)
}

/// Writes a number to the head; `value` pushes it.
fn write_head(code: &mut AdapterCode, address: u32, value: impl FnOnce(&mut AdapterCode)) {
    code.i32(0);
    value(code);
    code.push(Instruction::I32Store(place(Side::A, address)));
}

fn forget_refusal(code: &mut AdapterCode) {
    code.i32(0);
    code.push(Instruction::GlobalSet(REFUSED));
}

/// The body of the module's function. Code of the callee may call the same function again, so the globals and the head are
/// written after all of it has run.
fn body(function: &FunctionType, functions: &mut AdapterFunctions, call: u32, post: Option<u32>) -> AdapterCode {
    let lowered = function.lowered();
    let mut code = AdapterCode::new(&lowered.parameters);
    let result_type = function.lifted().results.first().copied();
    let returned = result_type.map(|ty| code.local(ty));
    code.push(Instruction::Block(BlockType::Empty));
    let given = arguments(function, functions, &mut code);
    leave_if_refused(&mut code);
    given.into_iter().for_each(|local| code.get(local));
    code.push(Instruction::Call(call));
    if let Some(returned) = returned {
        code.set(returned);
    }
    let beyond_ascii = code.local(ValType::I32);
    if let (true, Some(returned), Some(result)) = (function.has_return_area(), returned, &function.result) {
        let area = lowered.parameters.len() as u32 - 1;
        copy_result(&mut code, functions, result, returned, area);
        code.push(Instruction::GlobalGet(NOT_ASCII));
        code.push(Instruction::I64Const(0x8080_8080_8080_8080_u64.cast_signed()));
        code.push(Instruction::I64And);
        code.push(Instruction::I64Const(0));
        code.push(Instruction::I64Ne);
        code.set(beyond_ascii);
    }
    if let Some(post) = post {
        returned.into_iter().for_each(|local| code.get(local));
        code.push(Instruction::Call(post));
    }
    write_head(&mut code, BEYOND_ASCII, |code| code.get(beyond_ascii));
    write_head(&mut code, STATUS, |code| code.i32(DONE));
    if !function.has_return_area() {
        returned.into_iter().for_each(|local| code.get(local));
    }
    code.push(Instruction::Return);
    code.end();
    forget_refusal(&mut code);
    write_head(&mut code, STATUS, |code| code.i32(NOT_CALLED));
    if !function.has_return_area() {
        // A local that was never set is zero.
        returned.into_iter().for_each(|local| code.get(local));
    }
    code
}

/// Copies the result to the transfer memory. If that is not possible, says so in the head and returns.
fn copy_result(code: &mut AdapterCode, functions: &mut AdapterFunctions, result: &ValueType, returned: u32, area: u32) {
    let layout = &result.layout;
    let bytes = code.local(ValType::I64);
    code.push(Instruction::I64Const(0));
    code.push(Instruction::GlobalSet(NOT_ASCII));
    code.push(Instruction::I64Const(layout.size.into()));
    code.set(bytes);
    refuse_unless_aligned(code, functions, returned, layout.align, None);
    refuse_beyond(code, functions, returned, bytes, Side::B, None);
    code.push(Instruction::GlobalGet(REFUSED));
    code.push(Instruction::I32Eqz);
    code.begin_if();
    memory::copy_in_place(code, layout.size, returned, area, Side::B);
    memory::translate(code, functions, result, returned, area, 0, Side::B);
    code.end();
    code.push(Instruction::GlobalGet(REFUSED));
    code.begin_if();
    forget_refusal(code);
    write_head(code, UNREAD, |code| code.get(returned));
    write_head(code, STATUS, |code| code.i32(RESULT_UNREAD));
    code.push(Instruction::Return);
    code.end();
}
