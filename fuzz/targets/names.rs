//! Any name section: no two functions get the same name, and no path is much longer than its symbol.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use targets::rewrite::names;
use targets::wasm::{Binary, Features, path};

fuzz_target!(|section: &[u8]| {
    if let Ok(symbol) = std::str::from_utf8(section) {
        assert!(path(symbol).len() <= symbol.len() * 16);
    }
    let module = module(section);
    let binary = Binary::parse(&module, Features::EVERYTHING).expect("names make no module invalid");
    let names = names(&module, &binary).expect("nothing is declared");
    let different: HashSet<&str> = names.iter().map(|named| named.name.as_str()).collect();
    assert_eq!(different.len(), FUNCTIONS);
});

const FUNCTIONS: usize = 8;

/// A module of some functions, one exported under a name that others may claim, with this name section.
fn module(section: &[u8]) -> Vec<u8> {
    use wasm_encoder::{
        CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
        TypeSection,
    };
    let (mut types, mut functions, mut exports, mut code) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    types.ty().function([], []);
    exports.export("f", ExportKind::Func, 1).export("f#1", ExportKind::Func, 2);
    for _ in 0..FUNCTIONS {
        functions.function(0);
        let mut body = Function::new([]);
        body.instruction(&Instruction::End);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module.section(&CustomSection { name: "name".into(), data: section.into() });
    module.finish()
}
