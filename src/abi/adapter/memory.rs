//! Values in memory that cross: their bytes are copied as they are, then the addresses in the copy are translated.

use super::super::value_type::{TypeKind, ValueType};
use super::code::{AdapterCode, AdapterFunctions, REFUSED, Refusal, Side, cases, place};
use super::copy::Copying;
use super::refusal::{refuse_beyond, refuse_unless_aligned, reserve};
use super::{utf8, valid};
use crate::abi::layout::discriminant_size;
use crate::wasm::ValType;
use wasm_encoder::{BlockType, Instruction};

/// Size up to which loads and stores take less time than `memory.copy`, in bytes.
const MOST_INLINE: u32 = 64;

/// Size of a result's bytes from which JavaScript reads them in the callee's memory: a second copy takes longer than a second
/// call.
const MOST_TRANSFERRED: i64 = 2048;

/// Copies the bytes of a value in its place. `source` and `target` are locals with addresses.
pub fn copy_in_place(code: &mut AdapterCode, size: u32, source: u32, target: u32, from: Side) {
    let to = from.other();
    if size > MOST_INLINE {
        code.get(target);
        code.get(source);
        code.i32(size);
        code.push(Instruction::MemoryCopy { dst_mem: to.memory(), src_mem: from.memory() });
        return;
    }
    let mut offset = 0;
    while offset < size {
        code.get(target);
        code.get(source);
        let (load, store) = (place(from, offset), place(to, offset));
        let (step, instructions) = match size - offset {
            8.. => (8, [Instruction::I64Load(load), Instruction::I64Store(store)]),
            4.. => (4, [Instruction::I32Load(load), Instruction::I32Store(store)]),
            2.. => (2, [Instruction::I32Load16U(load), Instruction::I32Store16(store)]),
            _ => (1, [Instruction::I32Load8U(load), Instruction::I32Store8(store)]),
        };
        instructions.into_iter().for_each(|instruction| code.push(instruction));
        offset += step;
    }
}

/// Translates the addresses in a copy of a value: copies what they lead to, and writes the new ones. `source` and `target`
/// are locals with addresses, to which `offset` is added.
pub fn translate(
    code: &mut AdapterCode,
    functions: &mut AdapterFunctions,
    ty: &ValueType,
    source: u32,
    target: u32,
    offset: u32,
    from: Side,
) {
    if !ty.has_pointers() {
        return;
    }
    match &ty.kind {
        TypeKind::Record { fields } => {
            for (field, own) in fields.iter().zip(&ty.layout.offsets) {
                translate(code, functions, &field.ty, source, target, offset + own, from);
            }
        }
        TypeKind::Tuple { elements } => {
            for (element, own) in elements.iter().zip(&ty.layout.offsets) {
                translate(code, functions, element, source, target, offset + own, from);
            }
        }
        // The elements are checked with the whole value.
        TypeKind::FixedList { element, length } => {
            for local in [source, target] {
                code.get(local);
                code.i32(offset);
                code.push(Instruction::I32Add);
            }
            code.i32(*length);
            let run = elements(functions, element, from);
            code.push(Instruction::Call(run));
        }
        _ => match cases(ty) {
            Some(cases) => translate_case(code, functions, ty, &cases, source, target, offset, from),
            None => {
                code.get(target);
                code.get(source);
                code.push(Instruction::I32Load(place(from, offset)));
                code.get(target);
                code.push(Instruction::I32Load(place(from.other(), offset + 4)));
                let copy = list(functions, ty, from);
                code.push(Instruction::Call(copy));
                code.push(Instruction::I32Store(place(from.other(), offset)));
            }
        },
    }
}

#[expect(clippy::too_many_arguments, reason = "as `translate`, with the cases")]
fn translate_case(
    code: &mut AdapterCode,
    functions: &mut AdapterFunctions,
    ty: &ValueType,
    cases: &[Option<&ValueType>],
    source: u32,
    target: u32,
    offset: u32,
    from: Side,
) {
    // From the copy, which only the receiver can change, so that all parts are of one case.
    let (tag, at) = (code.local(ValType::I32), place(from.other(), offset));
    code.get(target);
    code.push(match discriminant_size(cases.len()) {
        1 => Instruction::I32Load8U(at),
        2 => Instruction::I32Load16U(at),
        _ => Instruction::I32Load(at),
    });
    code.set(tag);
    code.get(tag);
    code.i32(cases.len() as u32);
    code.push(Instruction::I32GeU);
    functions.refuse_if(code, None);
    let payload = ty.layout.offsets[0];
    for (index, case) in cases.iter().enumerate() {
        let Some(case) = case.filter(|case| case.has_pointers()) else { continue };
        code.get(tag);
        code.i32(index as u32);
        code.push(Instruction::I32Eq);
        code.begin_if();
        translate(code, functions, case, source, target, offset + payload, from);
        code.end();
    }
}

/// The function that copies a list or string: it takes the address and the length, and returns the address of the copy.
pub fn list(functions: &mut AdapterFunctions, ty: &ValueType, from: Side) -> u32 {
    let element = match &ty.kind {
        TypeKind::List { element } => Some(&**element),
        _ => None,
    };
    let is_transfer = functions.refusal != Refusal::Trap;
    let text = element.is_none() && (is_transfer || functions.must_check(from.other()));
    let key = (from, element.map_or_else(|| if text { "text" } else { "u8" }.to_owned(), ToString::to_string));
    if let Some(known) = functions.lists.get(&key) {
        return *known;
    }
    let function = functions.reserve(&[ValType::I32; 2], &[ValType::I32]);
    functions.lists.insert(key, function);
    let (size, align) = element.map_or((1, 1), |element| (element.layout.size, element.layout.align));
    let has_pointers = element.is_some_and(ValueType::has_pointers);
    let mut code = AdapterCode::new(&[ValType::I32; 2]);
    let (source, count) = (0, 1);
    let (bytes, target) = (code.local(ValType::I64), code.local(ValType::I32));
    // An empty list needs no memory. Its address is not null. What is refused needs none either.
    code.get(count);
    code.push(Instruction::I32Eqz);
    if is_transfer {
        code.push(Instruction::GlobalGet(REFUSED));
        code.push(Instruction::I32Or);
    }
    code.begin_if();
    code.i32(align);
    code.push(Instruction::Return);
    code.end();
    code.get(count);
    code.push(Instruction::I64ExtendI32U);
    code.push(Instruction::I64Const(size.into()));
    code.push(Instruction::I64Mul);
    code.set(bytes);
    // JavaScript is the sender of arguments, which it has written itself.
    if !is_transfer || from == Side::B {
        refuse_unless_aligned(&mut code, functions, source, align, Some(align));
        // The list lies in the sender's memory, so the receiver allocates no more than the sender has.
        refuse_beyond(&mut code, functions, source, bytes, from, Some(align));
        if is_transfer && !has_pointers {
            code.get(bytes);
            code.push(Instruction::I64Const(MOST_TRANSFERRED));
            code.push(Instruction::I64GtU);
            functions.refuse_if(&mut code, Some(align));
        }
    }
    if is_transfer && from == Side::B {
        reserve(&mut code, functions, align, bytes, target);
    } else {
        code.allocate(functions, from.other(), align, |code| {
            code.get(bytes);
            code.push(Instruction::I32WrapI64);
        });
        code.set(target);
        refuse_unless_aligned(&mut code, functions, target, align, Some(align));
        if is_transfer {
            refuse_beyond(&mut code, functions, target, bytes, Side::B, Some(align));
        }
    }
    let length = code.local(ValType::I32);
    code.get(bytes);
    code.push(Instruction::I32WrapI64);
    code.set(length);
    Copying::add(&mut code, from, [source, target, length], is_transfer && text && from == Side::B);
    if functions.must_check(from.other()) && text {
        code.get(target);
        code.get(count);
        let check = utf8::checking(functions, from.other());
        code.push(Instruction::Call(check));
    }
    let checked = functions.must_check(from.other());
    if let Some(element) = element.filter(|each| has_pointers || (checked && valid::has_invalid(each))) {
        let run = elements(functions, element, from);
        code.get(source);
        code.get(target);
        code.get(count);
        code.push(Instruction::Call(run));
    }
    code.get(target);
    functions.define(function, code);
    function
}

/// The function that translates the elements of a list: it takes both addresses and their number, which may be 0.
fn elements(functions: &mut AdapterFunctions, element: &ValueType, from: Side) -> u32 {
    let key = (from, element.to_string());
    if let Some(known) = functions.elements.get(&key) {
        return *known;
    }
    let function = functions.reserve(&[ValType::I32; 3], &[]);
    functions.elements.insert(key, function);
    let mut code = AdapterCode::new(&[ValType::I32; 3]);
    let (source, target, count) = (0, 1, 2);
    code.push(Instruction::Loop(BlockType::Empty));
    code.get(count);
    code.begin_if();
    translate(&mut code, functions, element, source, target, 0, from);
    if functions.must_check(from.other()) {
        valid::check(&mut code, element, target, 0, from.other());
    }
    for (local, step) in [(source, element.layout.size), (target, element.layout.size), (count, u32::MAX)] {
        code.get(local);
        code.i32(step);
        code.push(Instruction::I32Add);
        code.set(local);
    }
    code.push(Instruction::Br(1));
    code.end();
    code.end();
    functions.define(function, code);
    function
}
