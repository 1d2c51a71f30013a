//! Splits: modules with a function that calls one of several others, by weight.

use crate::rewrite::generate::adapter::encoded;
use crate::wasm::{FuncType, ValType};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Instruction, Module, TypeSection,
};

/// The step of the sequence that chooses: 2^32 divided by the golden ratio. Its multiples modulo 2^32 are spread evenly from
/// the first ones on, so 100 calls at 5 percent give 5 of them, and not 5 on average.
const STEP: i32 = 0x9e37_79b9_u32.cast_signed();

/// The global with the position in the sequence. The limits follow, then the counts.
const POSITION: u32 = 0;

/// A module that splits the calls of a function of type `ty` between `count` imported ones, which are called `0`, `1` and so
/// on. Its exported function `split` calls import `i` while the position is below the exported global `limit:i`, and else the
/// next one; the last one has no limit. `calls:i` counts the calls of import `i`.
pub fn split(ty: &FuncType, count: u32) -> Vec<u8> {
    let list = |types: &[ValType]| types.iter().copied().map(encoded).collect::<Vec<_>>();
    let mut types = TypeSection::new();
    types.ty().function(list(&ty.parameters), list(&ty.results));
    let (mut imports, mut functions) = (ImportSection::new(), FunctionSection::new());
    (0..count).for_each(|index| {
        imports.import("", &index.to_string(), EntityType::Function(0));
    });
    functions.function(0);
    let (mut globals, mut exports) = (GlobalSection::new(), ExportSection::new());
    let mutable = |val_type| GlobalType { val_type, mutable: true, shared: false };
    globals.global(mutable(wasm_encoder::ValType::I32), &ConstExpr::i32_const(0));
    for (name, number) in [("limit", count - 1), ("calls", count)] {
        for index in 0..number {
            exports.export(&format!("{name}:{index}"), ExportKind::Global, globals.len());
            globals.global(mutable(wasm_encoder::ValType::I64), &ConstExpr::i64_const(0));
        }
    }
    exports.export("split", ExportKind::Func, count);
    let mut code = CodeSection::new();
    code.function(&chooser(ty, count));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&globals).section(&exports).section(&code);
    module.finish()
}

fn chooser(ty: &FuncType, count: u32) -> Function {
    let mut function = Function::new([]);
    let call = |index: u32| {
        let counter = POSITION + count + index;
        let count_one = [
            Instruction::GlobalGet(counter),
            Instruction::I64Const(1),
            Instruction::I64Add,
            Instruction::GlobalSet(counter),
        ];
        let arguments = (0..ty.parameters.len() as u32).map(Instruction::LocalGet);
        count_one.into_iter().chain(arguments).chain([Instruction::Call(index)])
    };
    let next = [
        Instruction::GlobalGet(POSITION),
        Instruction::I32Const(STEP),
        Instruction::I32Add,
        Instruction::GlobalSet(POSITION),
    ];
    let mut all: Vec<Instruction<'static>> = next.into();
    for index in 0..count - 1 {
        all.extend([
            Instruction::Block(BlockType::Empty),
            Instruction::GlobalGet(POSITION),
            Instruction::I64ExtendI32U,
        ]);
        all.extend([Instruction::GlobalGet(POSITION + 1 + index), Instruction::I64GeU, Instruction::BrIf(0)]);
        all.extend(call(index));
        all.extend([Instruction::Return, Instruction::End]);
    }
    all.extend(call(count - 1));
    all.push(Instruction::End);
    for instruction in &all {
        function.instruction(instruction);
    }
    function
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Binary, Features, RefType};

    #[test]
    fn every_type_and_count_gives_a_valid_module() {
        let types = [ValType::I32, ValType::F64, ValType::V128, ValType::Ref(RefType::Extern)];
        for count in 1..5 {
            let ty = FuncType { parameters: types.into(), results: types.into() };
            let binary = Binary::parse(&split(&ty, count), Features::EVERYTHING).unwrap();
            assert_eq!(binary.imported_functions, count);
        }
    }
}
