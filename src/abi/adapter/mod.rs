//! Adapters: modules that take a call of a typed function from the memory of one instance to that of another.
//!
//! The caller `a` calls the import of a slot; the callee `b` is an export. The adapter copies the arguments into memory that
//! `b` allocates, calls, copies the result into memory that `a` allocates, and lets `b` free its own. Every access is checked by
//! the engine, in the memory that it names; lengths are checked before memory is allocated for them.

mod code;
mod copy;
mod flat;
mod memory;
mod refusal;
mod transfer;
mod utf8;
mod valid;

pub use self::transfer::transfer;

use self::code::{AdapterCode, AdapterFunctions, Side};
use super::function_type::FunctionType;
use super::layout::MOST_FLAT;
use crate::wasm::ValType;
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, FunctionSection, GlobalSection, ImportSection, Instruction,
    MemoryType, Module, TypeSection,
};

/// The adapter for a function of this type; `has_post` is whether the callee has a function that frees its result, `checks`
/// whether the caller and the callee check the values that they receive. For a side that does not, the adapter does.
///
/// It imports, as far as the type needs them: `a.memory`, `b.memory`, `a.cabi_realloc`, `b.cabi_realloc`, `b.call`, `b.post`,
/// and `b.keep`, a function that it never calls: the host's function for the callee, so that it lives as long as the adapter.
pub fn adapter(function: &FunctionType, has_post: bool, checks: [bool; 2]) -> Vec<u8> {
    let mut functions = AdapterFunctions::new(checks);
    let mut imports = ImportSection::new();
    if function.uses_memory() {
        import_memories(&mut imports);
    }
    if function.allocates_result() {
        let realloc = functions.ty(&[ValType::I32; 4], &[ValType::I32]);
        imports.import("a", "cabi_realloc", EntityType::Function(realloc));
        functions.reallocs[Side::A as usize] = functions.import();
    }
    let (call, post) = import_callee(function, &mut functions, &mut imports, has_post);
    let keep = functions.ty(&[], &[]);
    imports.import("b", "keep", EntityType::Function(keep));
    functions.import();
    let lowered = function.lowered();
    let main = functions.reserve(&lowered.parameters, &lowered.results);
    let code = body(function, &mut functions, call, post);
    functions.define(main, code);
    finish(functions, &imports, &GlobalSection::new(), main)
}

/// Imports the functions of the callee. Returns the function itself, and the one that frees its result.
fn import_callee(
    function: &FunctionType,
    functions: &mut AdapterFunctions,
    imports: &mut ImportSection,
    has_post: bool,
) -> (u32, Option<u32>) {
    if function.allocates_parameters() {
        let realloc = functions.ty(&[ValType::I32; 4], &[ValType::I32]);
        imports.import("b", "cabi_realloc", EntityType::Function(realloc));
        functions.reallocs[Side::B as usize] = functions.import();
    }
    let lifted = function.lifted();
    let ty = functions.ty(&lifted.parameters, &lifted.results);
    imports.import("b", "call", EntityType::Function(ty));
    let call = functions.import();
    let post = has_post.then(|| {
        let ty = functions.ty(&lifted.results, &[]);
        imports.import("b", "post", EntityType::Function(ty));
        functions.import()
    });
    (call, post)
}

fn import_memories(imports: &mut ImportSection) {
    for side in ["a", "b"] {
        let memory = MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
        imports.import(side, "memory", EntityType::Memory(memory));
    }
}

/// Passes the arguments to the callee's memory. Returns the locals with its core arguments.
fn arguments(function: &FunctionType, functions: &mut AdapterFunctions, code: &mut AdapterCode) -> Vec<u32> {
    let parameters = function.parameter_layout();
    if parameters.flat.as_ref().is_some_and(|flat| flat.len() <= MOST_FLAT) {
        let mut next = 0;
        let mut given = Vec::new();
        for parameter in &function.parameters {
            let width = parameter.ty.layout.flat.as_ref().map_or(0, Vec::len) as u32;
            let locals: Vec<u32> = (next..next + width).collect();
            if functions.must_check(Side::B) {
                valid::check_flat(code, &parameter.ty, &locals);
            }
            given.extend(flat::translate(code, functions, &parameter.ty, &locals, Side::A));
            next += width;
        }
        return given;
    }
    let area = code.local(ValType::I32);
    code.allocate(functions, Side::B, parameters.align, |code| code.i32(parameters.size));
    code.set(area);
    refusal::check_area(code, functions, &parameters, area);
    memory::copy_in_place(code, parameters.size, 0, area, Side::A);
    for (parameter, offset) in function.parameters.iter().zip(&parameters.offsets) {
        memory::translate(code, functions, &parameter.ty, 0, area, *offset, Side::A);
    }
    if functions.must_check(Side::B) {
        for (parameter, offset) in function.parameters.iter().zip(&parameters.offsets) {
            valid::check(code, &parameter.ty, area, *offset, Side::B);
        }
    }
    vec![area]
}

/// The body of the adapter's function.
fn body(function: &FunctionType, functions: &mut AdapterFunctions, call: u32, post: Option<u32>) -> AdapterCode {
    let lowered = function.lowered();
    let mut code = AdapterCode::new(&lowered.parameters);
    let given = arguments(function, functions, &mut code);
    given.into_iter().for_each(|local| code.get(local));
    code.push(Instruction::Call(call));
    let Some(result) = &function.result else {
        if let Some(post) = post {
            code.push(Instruction::Call(post));
        }
        return code;
    };
    let result_type = function.lifted().results.first().copied();
    let Some(result_type) = result_type else { return code };
    let returned = code.local(result_type);
    code.set(returned);
    if function.has_return_area() {
        let area = lowered.parameters.len() as u32 - 1;
        memory::copy_in_place(&mut code, result.layout.size, returned, area, Side::B);
        memory::translate(&mut code, functions, result, returned, area, 0, Side::B);
        if functions.must_check(Side::A) {
            valid::check(&mut code, result, area, 0, Side::A);
        }
    } else if functions.must_check(Side::A) {
        valid::check_flat(&mut code, result, &[returned]);
    }
    if let Some(post) = post {
        code.get(returned);
        code.push(Instruction::Call(post));
    }
    if !function.has_return_area() {
        code.get(returned);
    }
    code
}

fn finish(functions: AdapterFunctions, imports: &ImportSection, globals: &GlobalSection, main: u32) -> Vec<u8> {
    let (mut types, mut section, mut bodies) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    for (parameters, results) in &functions.types {
        types.ty().function(parameters.iter().copied().map(code::encoded), results.iter().copied().map(code::encoded));
    }
    for (ty, code) in functions.defined {
        section.function(ty);
        bodies.function(&code.finish());
    }
    let mut exports = ExportSection::new();
    exports.export("call", ExportKind::Func, main);
    let mut module = Module::new();
    module.section(&types).section(imports).section(&section);
    if !globals.is_empty() {
        module.section(globals);
    }
    module.section(&exports).section(&bodies);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::parse;
    use crate::wasm::{Binary, Features};

    #[test]
    fn every_type_gives_a_valid_module_of_the_slot_s_type() {
        let texts = [
            "f: func();",
            "f: func(a: u8, b: f32) -> bool;",
            "f: func(text: string) -> string;",
            "f: func(a: list<list<string>>, b: option<string>) -> list<u64>;",
            "variant v { a(string), b(u64), c(f64), d(list<tuple<string, f32>>), e }
             f: func(a: v, b: result<v, string>, c: option<tuple<f64, string>>) -> v;",
            "f: func(a: list<string, 3>, b: list<list<u8>, 100>) -> list<string, 3>;",
            "f: func(a: string, b: string, c: string, d: string, e: string, g: string, h: string, i: string, j: u64) -> u64;",
            "flags fs { x, y } enum e { p, q } record r { a: fs, b: e, c: list<e>, d: char, e: tuple<u8, u16> }
             f: func(r: r, s: list<r>) -> option<r>;",
            "type json = string; f: func(a: option<json>) -> result<json>;",
        ];
        for text in texts {
            let function = parse::function(&format!("interface i {{ {text} }}")).unwrap();
            for (has_post, checks) in [(false, true), (true, true), (false, false)] {
                let bytes = adapter(&function, has_post && function.has_return_area(), [checks; 2]);
                let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
                let export = binary.exports.iter().find(|export| export.name == "call").unwrap();
                assert_eq!(*binary.function_type(export.index), function.lowered(), "{text}");
            }
            if function.uses_memory() {
                let binary =
                    Binary::parse(&transfer(&function, function.has_return_area(), 1 << 20), Features::EVERYTHING)
                        .unwrap();
                let export = binary.exports.iter().find(|export| export.name == "call").unwrap();
                assert_eq!(*binary.function_type(export.index), function.lowered(), "{text}");
            }
        }
    }
}
