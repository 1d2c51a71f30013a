//! Checks of values that cross, for a side that does not check them itself: cases and characters. Text is checked where it is
//! copied.

use super::super::value_type::{TypeKind, ValueType};
use super::code::{AdapterCode, Side, cases, place};
use crate::abi::layout::discriminant_size;
use crate::wasm::ValType;
use wasm_encoder::{BlockType, Instruction};

/// Whether some bytes in the place of a value of the type are no value.
pub fn has_invalid(ty: &ValueType) -> bool {
    match &ty.kind {
        TypeKind::Bool | TypeKind::Char => true,
        TypeKind::Record { fields } => fields.iter().any(|field| has_invalid(&field.ty)),
        TypeKind::Tuple { elements } => elements.iter().any(has_invalid),
        TypeKind::FixedList { element, .. } => has_invalid(element),
        _ => cases(ty).is_some(),
    }
}

/// Traps unless the value at an address is valid. `address` is a local, to which `offset` is added.
pub fn check(code: &mut AdapterCode, ty: &ValueType, address: u32, offset: u32, side: Side) {
    if !has_invalid(ty) {
        return;
    }
    let at = place(side, offset);
    match &ty.kind {
        // Rust takes 0 and 1 only.
        TypeKind::Bool => {
            code.get(address);
            code.push(Instruction::I32Load8U(at));
            code.i32(1);
            code.push(Instruction::I32GtU);
            code.trap_if();
        }
        TypeKind::Char => {
            let value = code.local(ValType::I32);
            code.get(address);
            code.push(Instruction::I32Load(at));
            code.set(value);
            check_char(code, value);
        }
        TypeKind::Record { fields } => {
            for (field, own) in fields.iter().zip(&ty.layout.offsets) {
                check(code, &field.ty, address, offset + own, side);
            }
        }
        TypeKind::Tuple { elements } => {
            for (element, own) in elements.iter().zip(&ty.layout.offsets) {
                check(code, element, address, offset + own, side);
            }
        }
        TypeKind::FixedList { element, length } => {
            let [at, left] = [code.local(ValType::I32), code.local(ValType::I32)];
            code.get(address);
            code.i32(offset);
            code.push(Instruction::I32Add);
            code.set(at);
            code.i32(*length);
            code.set(left);
            code.push(Instruction::Loop(BlockType::Empty));
            check(code, element, at, 0, side);
            code.get(at);
            code.i32(element.layout.size);
            code.push(Instruction::I32Add);
            code.set(at);
            code.get(left);
            code.i32(1);
            code.push(Instruction::I32Sub);
            code.push(Instruction::LocalTee(left));
            code.push(Instruction::BrIf(0));
            code.end();
        }
        _ => {
            let Some(cases) = cases(ty) else { return };
            let tag = code.local(ValType::I32);
            code.get(address);
            code.push(match discriminant_size(cases.len()) {
                1 => Instruction::I32Load8U(at),
                2 => Instruction::I32Load16U(at),
                _ => Instruction::I32Load(at),
            });
            code.set(tag);
            check_tag(code, tag, cases.len());
            for (index, case) in cases.iter().enumerate() {
                let Some(case) = case.filter(|case| has_invalid(case)) else { continue };
                begin_case(code, tag, index);
                check(code, case, address, offset + ty.layout.offsets[0], side);
                code.end();
            }
        }
    }
}

/// Traps unless the flat values in `locals` are valid.
pub fn check_flat(code: &mut AdapterCode, ty: &ValueType, locals: &[u32]) {
    if !has_invalid(ty) {
        return;
    }
    let mut next = 0;
    let mut part = |code: &mut AdapterCode, ty: &ValueType| {
        let width = ty.layout.flat.as_ref().map_or(0, Vec::len);
        check_flat(code, ty, &locals[next..next + width]);
        next += width;
    };
    match &ty.kind {
        TypeKind::Bool => {
            code.get(locals[0]);
            code.i32(1);
            code.push(Instruction::I32GtU);
            code.trap_if();
        }
        TypeKind::Char => check_char(code, locals[0]),
        TypeKind::Record { fields } => fields.iter().for_each(|field| part(code, &field.ty)),
        TypeKind::Tuple { elements } => elements.iter().for_each(|element| part(code, element)),
        TypeKind::FixedList { element, length } => (0..*length).for_each(|_| part(code, element)),
        _ => {
            let Some(cases) = cases(ty) else { return };
            check_tag(code, locals[0], cases.len());
            for (index, case) in cases.iter().enumerate() {
                let Some(case) = case.filter(|case| has_invalid(case)) else { continue };
                let types = case.layout.flat.clone().unwrap_or_default();
                begin_case(code, locals[0], index);
                let joined = ty.layout.flat.clone().unwrap_or_default();
                let mut own = Vec::new();
                for (position, ty) in types.iter().enumerate() {
                    let local = code.local(*ty);
                    code.get(locals[position + 1]);
                    super::flat::cast(code, joined[position + 1], *ty);
                    code.set(local);
                    own.push(local);
                }
                check_flat(code, case, &own);
                code.end();
            }
        }
    }
}

fn begin_case(code: &mut AdapterCode, tag: u32, index: usize) {
    code.get(tag);
    code.i32(index as u32);
    code.push(Instruction::I32Eq);
    code.begin_if();
}

fn check_tag(code: &mut AdapterCode, tag: u32, count: usize) {
    code.get(tag);
    code.i32(count as u32);
    code.push(Instruction::I32GeU);
    code.trap_if();
}

/// Traps for a number that is no Unicode scalar value: beyond 0x10ffff, or a surrogate.
fn check_char(code: &mut AdapterCode, value: u32) {
    code.get(value);
    code.i32(0x0011_0000);
    code.push(Instruction::I32GeU);
    code.get(value);
    code.i32(0xffff_f800);
    code.push(Instruction::I32And);
    code.i32(0xd800);
    code.push(Instruction::I32Eq);
    code.push(Instruction::I32Or);
    code.trap_if();
}
