//! Batches: modules with a loop that calls a function many times.

use crate::rewrite::generate::adapter::encoded;
use crate::wasm::{FuncType, PAGE_SIZE, ValType};
use std::mem;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, MemArg, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
};

/// Size of a value in a column, in bytes; none for a type without a form in memory.
pub fn width(ty: ValType) -> Option<u32> {
    match ty {
        ValType::I32 | ValType::F32 => Some(4),
        ValType::I64 | ValType::F64 => Some(8),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

/// The columns in a page that hold the arguments and results of many calls; the columns of the parameters come first.
#[derive(Debug)]
pub struct Columns {
    /// Offset of each column in the page, in bytes
    pub offsets: Vec<usize>,
    /// Number of calls that fit
    pub room: usize,
}

impl Columns {
    /// The columns for functions of type `ty`.
    pub fn new(ty: &FuncType) -> Self {
        let widths =
            || ty.parameters.iter().chain(&ty.results).filter_map(|each| width(*each)).map(|width| width as usize);
        // A multiple of eight, so that each column is aligned to eight bytes.
        let room = (PAGE_SIZE / widths().sum::<usize>().max(8)) & !7;
        let offsets = widths().scan(0, |offset, width| Some(mem::replace(offset, *offset + width * room)));
        Self { offsets: offsets.collect(), room }
    }
}

/// A module that calls a function of type `ty` many times. It imports a memory, and has a table with one entry for the
/// function. Its exported function takes the number of calls, at least one, and the address of the page with the `Columns`.
///
/// # Panics
/// For a type whose values have no width.
pub fn batch(ty: &FuncType) -> Vec<u8> {
    let list = |types: &[ValType]| types.iter().copied().map(encoded).collect::<Vec<_>>();
    let mut types = TypeSection::new();
    types.ty().function(list(&ty.parameters), list(&ty.results));
    types.ty().function([wasm_encoder::ValType::I32; 2], []);
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

/// The parameters of the loop, and its locals.
const CALLS: u32 = 0;
const PAGE_AT: u32 = 1;
/// Locals: offsets of a call's values in a column at the start of the page, for values of four and of eight bytes
const NARROW: u32 = 2;
const WIDE: u32 = 3;
const RESULTS: u32 = 4;

/// The loop. The offsets of columns are constants, so one local is enough for all columns of a width. Fewer locals mean fewer
/// spills around each call.
fn driver(ty: &FuncType) -> Function {
    let columns = Columns::new(ty);
    let results = ty.results.iter().map(|result| encoded(*result));
    let mut function = Function::new_with_locals_types([wasm_encoder::ValType::I32; 2].into_iter().chain(results));
    let access = |column: usize, ty: ValType| {
        let (local, align) = if is_wide(ty) { (WIDE, 3) } else { (NARROW, 2) };
        let at = MemArg { offset: columns.offsets[column] as u64, align, memory_index: 0 };
        (Instruction::LocalGet(local), at)
    };
    let has = |wide: bool| ty.parameters.iter().chain(&ty.results).any(|each| is_wide(*each) == wide);
    let strides: Vec<_> = [(WIDE, 8, has(true)), (NARROW, 4, has(false) || !has(true))]
        .into_iter()
        .filter_map(|(local, stride, used)| used.then_some((local, stride)))
        .collect();
    let mut add = |instructions: &[Instruction<'static>]| {
        for instruction in instructions {
            function.instruction(instruction);
        }
    };
    for (local, stride) in &strides {
        add(&[Instruction::LocalGet(PAGE_AT), Instruction::LocalSet(*local)]);
        // The last stride also ends the loop: the number of calls becomes its end offset.
        if strides.last().is_some_and(|(last, _)| last == local) {
            add(&[Instruction::LocalGet(CALLS), Instruction::I32Const(*stride), Instruction::I32Mul]);
            add(&[Instruction::LocalGet(PAGE_AT), Instruction::I32Add, Instruction::LocalSet(CALLS)]);
        }
    }
    add(&[Instruction::Loop(BlockType::Empty)]);
    for (column, parameter) in ty.parameters.iter().enumerate() {
        let (local, at) = access(column, *parameter);
        add(&[local, load(*parameter, at)]);
    }
    add(&[Instruction::I32Const(0), Instruction::CallIndirect { type_index: 0, table_index: 0 }]);
    for index in (0..ty.results.len() as u32).rev() {
        add(&[Instruction::LocalSet(RESULTS + index)]);
    }
    for (index, result) in (0..).zip(&ty.results) {
        let (local, at) = access(ty.parameters.len() + index as usize, *result);
        add(&[local, Instruction::LocalGet(RESULTS + index), store(*result, at)]);
    }
    for (local, stride) in &strides {
        add(&[Instruction::LocalGet(*local), Instruction::I32Const(*stride), Instruction::I32Add]);
        add(&[Instruction::LocalSet(*local)]);
    }
    let (counter, _) = strides[strides.len() - 1];
    add(&[Instruction::LocalGet(counter), Instruction::LocalGet(CALLS), Instruction::I32Ne, Instruction::BrIf(0)]);
    add(&[Instruction::End, Instruction::End]);
    function
}

fn is_wide(ty: ValType) -> bool {
    matches!(ty, ValType::I64 | ValType::F64)
}

fn load(ty: ValType, at: MemArg) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Load(at),
        ValType::I64 => Instruction::I64Load(at),
        ValType::F32 => Instruction::F32Load(at),
        ValType::F64 => Instruction::F64Load(at),
        ValType::V128 | ValType::Ref(_) => unreachable!("values of a column have a width"),
    }
}

fn store(ty: ValType, at: MemArg) -> Instruction<'static> {
    match ty {
        ValType::I32 => Instruction::I32Store(at),
        ValType::I64 => Instruction::I64Store(at),
        ValType::F32 => Instruction::F32Store(at),
        ValType::F64 => Instruction::F64Store(at),
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
            assert_eq!(binary.function_type(0).parameters.len(), 2);
            assert_eq!(*binary.types.first().unwrap(), ty);
        }
    }
}
