//! Adapters: modules that make a host function a wasm function.

use crate::rewrite::generate::forwarding_body::forwarding_body;
use crate::wasm::{FuncType, RefType, ValType};
use wasm_encoder::{
    AbstractHeapType, BlockType, CodeSection, EntityType, ExportKind, ExportSection, FunctionSection, GlobalType,
    HeapType, ImportSection, Instruction, Module, TypeSection,
};

/// A module that imports a function of type `ty`, and exports a function that calls it.
pub fn adapter(ty: &FuncType) -> Vec<u8> {
    module(ty, None, &[Instruction::Call(0)])
}

/// An `adapter` for a host function that may leave an exception in a global, which the module imports too. The adapter
/// throws that exception, so that the caller can catch it.
pub fn catching_adapter(ty: &FuncType) -> Vec<u8> {
    let pending = GlobalType { val_type: wasm_encoder::ValType::EXNREF, mutable: true, shared: false };
    let throw = [
        Instruction::Call(0),
        Instruction::GlobalGet(0),
        Instruction::RefIsNull,
        Instruction::I32Eqz,
        Instruction::If(BlockType::Empty),
        Instruction::GlobalGet(0),
        Instruction::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Exn }),
        Instruction::GlobalSet(0),
        Instruction::ThrowRef,
        Instruction::End,
    ];
    module(ty, Some(pending), &throw)
}

fn module(ty: &FuncType, global: Option<GlobalType>, call: &[Instruction<'_>]) -> Vec<u8> {
    let list = |types: &[ValType]| types.iter().copied().map(encoded).collect::<Vec<_>>();
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    types.ty().function(list(&ty.parameters), list(&ty.results));
    imports.import("", "", EntityType::Function(0));
    if let Some(global) = global {
        imports.import("", "", EntityType::Global(global));
    }
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export("", ExportKind::Func, 1);
    let mut code = CodeSection::new();
    code.function(&forwarding_body(ty.parameters.len(), call));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
    module.finish()
}

/// A value type in the encoder's form.
pub(in crate::rewrite) fn encoded(ty: ValType) -> wasm_encoder::ValType {
    use wasm_encoder::ValType as E;
    match ty {
        ValType::I32 => E::I32,
        ValType::I64 => E::I64,
        ValType::F32 => E::F32,
        ValType::F64 => E::F64,
        ValType::V128 => E::V128,
        ValType::Ref(RefType::Func) => E::FUNCREF,
        ValType::Ref(RefType::Extern) => E::EXTERNREF,
        ValType::Ref(RefType::Exn) => E::EXNREF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Binary, Features};

    #[test]
    fn every_type_gives_a_valid_module() {
        let all = Features::EVERYTHING;
        let types =
            [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128, ValType::Ref(RefType::Func)];
        for length in 0..=types.len() {
            let ty = FuncType { parameters: types[..length].into(), results: types[length..].into() };
            let binary = Binary::parse(&adapter(&ty), all).unwrap();
            assert_eq!(*binary.function_type(1), ty);
            assert_eq!(binary.imports[0].ty.to_string(), format!("func {ty}"));
        }
    }
}
