//! Adapters of host functions.

use crate::engine::{Code, CompileOptions, Compiler, compile};
use crate::error::{ErrorKind, Result};
use crate::rewrite::{adapter, catching_adapter};
use crate::store::abi::pending_throw::PendingThrow;
use crate::store::instance::instantiate::instantiate;
use crate::store::instance::resolved::ResolvedImports;
use crate::store::trap::Failure;
use crate::store::{FuncRef, HostFunction, Store};
use crate::wasm::FuncType;
use std::sync::Arc;

impl FuncRef {
    /// Makes a wasm function of type `ty` that calls a host function. A slot needs one: instances call the function
    /// that a slot holds directly, and a host function works only for the one instance that imports it.
    ///
    /// # Errors
    /// The errors of compiling and instantiating the adapter's module; `Compiler` for a type that `compiler` lacks.
    pub fn adapt(store: &Store, ty: &FuncType, function: Box<dyn HostFunction>, compiler: Compiler) -> Result<FuncRef> {
        if compiler == Compiler::Singlepass && ty.results.len() > 1 {
            let what = format!("a function of type {ty}, with several results,");
            let (expected, actual) = (compiler.name(), Compiler::Cranelift.name());
            return Err(ErrorKind::Compiler { what, expected, actual }.into());
        }
        let code = adapter_code(store, ty, compiler)?;
        let resolve = || {
            let mut imports = ResolvedImports::default();
            imports.add_host(store, ty, function, compiler, code.original_index(0))?;
            if compiler.catches() {
                imports.add_global(store, PendingThrow::global(store));
            }
            Ok(imports)
        };
        // SAFETY: the module has neither a start function nor a segment, so no wasm runs. It imports a function of this
        // type and, if its code can catch, the global.
        let instance =
            unsafe { instantiate(store, &code, resolve, Vec::new(), None, |instance| instance.make_adapter()) }
                .map_err(|failure| match failure {
                    Failure::Error(error) => error,
                    Failure::Thrown(thrown) => ErrorKind::Internal { message: thrown.to_string() }.into(),
                    Failure::Exception(_) => ErrorKind::Internal { message: "an adapter threw".to_owned() }.into(),
                })?;
        Ok(instance.function(store, 1))
    }
}

/// The code of adapters of type `ty` for callers of `compiler`, compiled once.
fn adapter_code(store: &Store, ty: &FuncType, compiler: Compiler) -> Result<Arc<Code>> {
    let key = (ty.clone(), compiler);
    if let Some(code) = store.adapters.borrow().get(&key) {
        return Ok(code.clone());
    }
    let bytes = if compiler.catches() { catching_adapter(ty) } else { adapter(ty) };
    let code = compile(&bytes, &CompileOptions::plain(compiler))?;
    store.adapters.borrow_mut().insert(key, code.clone());
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reference;
    use crate::store::test_support::{COMPILERS, Counts, call, compile, function, instantiate, new_store, table};
    use crate::wasm::ValType;
    use std::rc::Rc;

    #[test]
    fn an_adapted_host_function_stands_in_any_table() {
        let text = r#"(module
            (type $f (func (param i32) (result i32)))
            (table (export "table") 1 funcref)
            (func (export "call") (result i32) i32.const 41 i32.const 0 call_indirect (type $f)))"#;
        for compiler in COMPILERS {
            let (store, calls) = (new_store(), Rc::default());
            let ty = FuncType { parameters: [ValType::I32].into(), results: [ValType::I32].into() };
            let adapted = FuncRef::adapt(&store, &ty, Box::new(Counts(Rc::clone(&calls))), compiler).unwrap();
            // Two instances: a host function without an adapter would run with the trampoline of the last importer.
            for round in 1..=2 {
                let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
                table(&store, &instance, "table").set(&store, 0, Reference::Func(Some(adapted))).unwrap();
                assert_eq!(call(&store, function(&store, &instance, "call")).unwrap(), 42);
                assert_eq!(calls.get(), round);
            }
        }
    }
}
