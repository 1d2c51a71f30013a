//! Flat values that cross: those with addresses are translated, the others pass as they are.

use super::super::value_type::{TypeKind, ValueType};
use super::code::{AdapterCode, AdapterFunctions, Side, cases};
use super::memory::list;
use crate::wasm::ValType;
use wasm_encoder::Instruction;

/// The locals with the flat values of a value for the other side; `locals` has those of the side that it comes from.
pub fn translate(
    code: &mut AdapterCode,
    functions: &mut AdapterFunctions,
    ty: &ValueType,
    locals: &[u32],
    from: Side,
) -> Vec<u32> {
    if !ty.has_pointers() {
        return locals.to_vec();
    }
    match &ty.kind {
        TypeKind::Record { fields } => {
            translate_all(code, functions, fields.iter().map(|field| &field.ty), locals, from)
        }
        TypeKind::Tuple { elements } => translate_all(code, functions, elements.iter(), locals, from),
        TypeKind::FixedList { element, length } => {
            let elements = (0..*length).map(|_| &**element);
            translate_all(code, functions, elements, locals, from)
        }
        _ => match cases(ty) {
            Some(cases) => translate_case(code, functions, ty, &cases, locals, from),
            None => {
                let address = code.local(ValType::I32);
                code.get(locals[0]);
                code.get(locals[1]);
                let copy = list(functions, ty, from);
                code.push(Instruction::Call(copy));
                code.set(address);
                vec![address, locals[1]]
            }
        },
    }
}

fn translate_all<'a>(
    code: &mut AdapterCode,
    functions: &mut AdapterFunctions,
    types: impl Iterator<Item = &'a ValueType>,
    locals: &[u32],
    from: Side,
) -> Vec<u32> {
    let (mut next, mut all) = (0, Vec::new());
    for ty in types {
        let width = ty.layout.flat.as_ref().map_or(0, Vec::len);
        all.extend(translate(code, functions, ty, &locals[next..next + width], from));
        next += width;
    }
    all
}

fn translate_case(
    code: &mut AdapterCode,
    functions: &mut AdapterFunctions,
    ty: &ValueType,
    cases: &[Option<&ValueType>],
    locals: &[u32],
    from: Side,
) -> Vec<u32> {
    let joined = ty.layout.flat.clone().unwrap_or_default();
    // A discriminant that no case has: only its sender is to blame.
    code.get(locals[0]);
    code.i32(cases.len() as u32);
    code.push(Instruction::I32GeU);
    code.trap_if();
    let all: Vec<u32> = joined.iter().map(|ty| code.local(*ty)).collect();
    for (own, local) in all.iter().zip(locals) {
        code.get(*local);
        code.set(*own);
    }
    for (index, case) in cases.iter().enumerate() {
        let Some(case) = case.filter(|case| case.has_pointers()) else { continue };
        code.get(locals[0]);
        code.i32(index as u32);
        code.push(Instruction::I32Eq);
        code.begin_if();
        let types = case.layout.flat.clone().unwrap_or_default();
        let mut own = Vec::new();
        for (position, ty) in types.iter().enumerate() {
            let local = code.local(*ty);
            code.get(locals[position + 1]);
            cast(code, joined[position + 1], *ty);
            code.set(local);
            own.push(local);
        }
        for (position, local) in translate(code, functions, case, &own, from).into_iter().enumerate() {
            code.get(local);
            cast(code, types[position], joined[position + 1]);
            code.set(all[position + 1]);
        }
        code.end();
    }
    all
}

/// Converts the value on the stack between the type of a case and the type that has room for all cases.
pub fn cast(code: &mut AdapterCode, from: ValType, to: ValType) {
    use ValType::{F32, F64, I32, I64};
    let steps: &[Instruction<'static>] = match (from, to) {
        (I64, I32) => &[Instruction::I32WrapI64],
        (I32, I64) => &[Instruction::I64ExtendI32U],
        (I32, F32) => &[Instruction::F32ReinterpretI32],
        (F32, I32) => &[Instruction::I32ReinterpretF32],
        (I64, F64) => &[Instruction::F64ReinterpretI64],
        (F64, I64) => &[Instruction::I64ReinterpretF64],
        (I64, F32) => &[Instruction::I32WrapI64, Instruction::F32ReinterpretI32],
        (F32, I64) => &[Instruction::I32ReinterpretF32, Instruction::I64ExtendI32U],
        _ => &[],
    };
    steps.iter().for_each(|step| code.push(step.clone()));
}
