//! Any `relink` section: a module with it is valid, and whether its records fit is decided.
#![no_main]

use libfuzzer_sys::fuzz_target;
use targets::abi::check_records;
use targets::rewrite::{Options, Selection, check_declarations, rewrite};
use targets::wasm::{Binary, Features};

fuzz_target!(|section: &[u8]| {
    let module = module(section);
    let binary = Binary::parse(&module, Features::EVERYTHING).expect("records make no module invalid");
    if binary.bad_declarations.is_none() {
        let _ = check_records(&binary);
    }
    let options = Options { selection: Selection::Default, ..Options::default() };
    let rewritten = rewrite(&module, &binary, &options);
    assert!(rewritten.is_ok() || check_declarations(&binary).is_err(), "only contradictory records are refused");
});

/// A module with a declared slot of each shape that has this section.
fn module(section: &[u8]) -> Vec<u8> {
    use wasm_encoder::{
        CodeSection, CustomSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
        Instruction, MemorySection, MemoryType, Module, TypeSection, ValType,
    };
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I64], [ValType::I64]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([ValType::I32; 3], []);
    types.ty().function([ValType::I32; 2], [ValType::I32]);
    let mut imports = ImportSection::new();
    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (name, ty) in [("a", 0), ("b", 1), ("c", 3)] {
        imports.import("relink", name, EntityType::Function(ty));
    }
    let originals =
        [("relink:a", 0), ("relink:b", 1), ("relink:c", 3), ("cabi_realloc", 2), ("relink:lifted:c", 4), ("d", 1)];
    for (index, (name, ty)) in originals.into_iter().enumerate() {
        functions.function(ty);
        exports.export(name, ExportKind::Func, 3 + index as u32);
        let mut body = Function::new([]);
        body.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        code.function(&body);
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports).section(&code);
    module.section(&CustomSection { name: "relink".into(), data: section.into() });
    module.finish()
}
