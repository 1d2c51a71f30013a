use super::adapter::encoded;
use crate::wasm::{FuncType, ValType};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, MemArg, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
};

/// The bytes that a value takes in a column; none for a type that stands in no memory.
pub fn width(ty: ValType) -> Option<u32> {
    match ty {
        ValType::I32 | ValType::F32 => Some(4),
        ValType::I64 | ValType::F64 => Some(8),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

/// A module that calls a function of type `ty` many times. It imports a memory, and has a table of one entry for the
/// function. What it exports takes how many calls to make, at least one, then the address of a column for each parameter
/// and for each result.
///
/// # Panics
/// For a type whose values have no width.
pub fn batch(ty: &FuncType) -> Vec<u8> {
    let list = |types: &[ValType]| types.iter().copied().map(encoded).collect::<Vec<_>>();
    let columns = ty.parameters.len() + ty.results.len();
    let mut types = TypeSection::new();
    types.ty().function(list(&ty.parameters), list(&ty.results));
    types.ty().function(vec![wasm_encoder::ValType::I32; 1 + columns], []);
    let mut imports = ImportSection::new();
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    imports.import("", "", EntityType::Memory(memory));
    let (mut functions, mut tables, mut exports) = (FunctionSection::new(), TableSection::new(), ExportSection::new());
    functions.function(1);
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 1, maximum: Some(1), shared: false });
    exports.export("", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(&driver(ty));
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&exports).section(&code);
    module.finish()
}

/// The loop. Local 0 counts the calls that are left, those behind it are the addresses, and then come the results.
fn driver(ty: &FuncType) -> Function {
    let results = 1 + (ty.parameters.len() + ty.results.len()) as u32;
    let mut function = Function::new(ty.results.iter().map(|result| (1, encoded(*result))));
    let mut add = |instruction: Instruction<'_>| {
        function.instruction(&instruction);
    };
    add(Instruction::Loop(BlockType::Empty));
    for (address, parameter) in (1..).zip(&ty.parameters) {
        add(Instruction::LocalGet(address));
        add(load(*parameter));
    }
    add(Instruction::I32Const(0));
    add(Instruction::CallIndirect { type_index: 0, table_index: 0 });
    for index in (0..ty.results.len() as u32).rev() {
        add(Instruction::LocalSet(results + index));
    }
    for (index, result) in (0..).zip(&ty.results) {
        add(Instruction::LocalGet(1 + ty.parameters.len() as u32 + index));
        add(Instruction::LocalGet(results + index));
        add(store(*result));
    }
    for (address, each) in (1..).zip(ty.parameters.iter().chain(&ty.results)) {
        add(Instruction::LocalGet(address));
        add(Instruction::I32Const(width(*each).expect("values of a column have a width").cast_signed()));
        add(Instruction::I32Add);
        add(Instruction::LocalSet(address));
    }
    add(Instruction::LocalGet(0));
    add(Instruction::I32Const(1));
    add(Instruction::I32Sub);
    add(Instruction::LocalTee(0));
    add(Instruction::BrIf(0));
    add(Instruction::End);
    add(Instruction::End);
    function
}

/// Columns lie at multiples of eight bytes.
const fn at(align: u32) -> MemArg {
    MemArg { offset: 0, align, memory_index: 0 }
}

fn load(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Load(at(2)),
        ValType::I64 => Instruction::I64Load(at(3)),
        ValType::F32 => Instruction::F32Load(at(2)),
        ValType::F64 => Instruction::F64Load(at(3)),
        ValType::V128 | ValType::Ref(_) => unreachable!("values of a column have a width"),
    }
}

fn store(ty: ValType) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Store(at(2)),
        ValType::I64 => Instruction::I64Store(at(3)),
        ValType::F32 => Instruction::F32Store(at(2)),
        ValType::F64 => Instruction::F64Store(at(3)),
        ValType::V128 | ValType::Ref(_) => unreachable!("values of a column have a width"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Binary, Features};

    #[test]
    fn every_type_gives_a_valid_module() {
        let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        for length in 0..=types.len() {
            let ty = FuncType { parameters: types[..length].into(), results: types[length..].into() };
            let binary = Binary::parse(&batch(&ty), Features::EVERYTHING).unwrap();
            assert_eq!(binary.function_type(0).parameters.len(), 5);
            assert_eq!(*binary.types.first().unwrap(), ty);
        }
    }
}
