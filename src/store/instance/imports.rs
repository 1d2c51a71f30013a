//! Making instances: checks their imports, and makes bridges to imported functions of the other compiler.

use crate::engine::{Code, Quota, Reserve, SharedBytes};
use crate::error::{ErrorKind, Result};
use crate::store::instance::entity::Instance;
use crate::store::instance::extern_value::{Callable, Extern};
use crate::store::instance::instantiate::instantiate;
use crate::store::instance::resolved::ResolvedImports;
use crate::store::trap::Failure;
use crate::store::{FuncRef, Store};
use crate::wasm::{Binary, ExternType, FuncType, MOST_ENTRIES};
use std::rc::Rc;
use std::sync::Arc;

impl Instance {
    /// Makes an instance of `code` and runs its start function. `imports` has one value for each import of
    /// `code.binary`, `shared` the bytes of each shared memory that it defines. What it takes is charged to `quota`; without one,
    /// the store makes it for its own use. `made` is called with the instance before any of its code runs.
    ///
    /// # Errors
    /// The errors of `check_imports`, `SignatureHash`, `OutOfRange`, `Limit`, `Memory`, `AddressSpace`; then no wasm has run. A
    /// trap of a segment or the start function, or what a host function threw: then the instance is not returned, but
    /// it stays alive while imported tables hold functions that it wrote there.
    ///
    /// # Safety
    /// The caller keeps the store alive for the whole call. Host functions among the imports were made for this call.
    pub unsafe fn new(
        store: &Store,
        code: &Arc<Code>,
        imports: Vec<Extern>,
        shared: Vec<Rc<dyn SharedBytes>>,
        quota: Option<&Arc<Quota>>,
        made: impl FnOnce(&Rc<Self>),
    ) -> Result<Rc<Self>, Failure> {
        let resolve = || {
            Self::check_imports(store, code, &imports)?;
            check_tables(&code.original)?;
            resolve(store, code, imports)
        };
        // SAFETY: by the contract of this function; the imports were checked.
        unsafe { instantiate(store, code, resolve, shared, quota, made) }
    }

    /// Checks that these can be the imports of an instance of `code`.
    ///
    /// # Errors
    /// `Import`, `SmallMemory` and `Compiler`.
    pub fn check_imports(store: &Store, code: &Code, imports: &[Extern]) -> Result<()> {
        for (import, value) in code.binary.imports.iter().zip(imports) {
            if let Some(actual) = value.mismatch(store, &import.ty) {
                let (module, field) = (import.module.clone(), import.name.clone());
                let expected = import.ty.to_string();
                return Err(ErrorKind::Import { module, field, expected, actual }.into());
            }
            match value {
                Extern::Table(id) => id.check_compiler(store, code.compiler)?,
                Extern::Global(id) => id.check_compiler(store, code.compiler)?,
                Extern::Memory(id) if code.reserve == Reserve::Full && !id.is_shared(store) && !id.is_full(store) => {
                    let (module, field) = (import.module.clone(), import.name.clone());
                    return Err(ErrorKind::SmallMemory { module, field }.into());
                }
                Extern::Function(_) | Extern::Memory(_) | Extern::Tag(_) => {}
            }
        }
        Ok(())
    }
}

/// Converts the imports to wasmer's form; makes bridges where needed.
fn resolve(store: &Store, code: &Code, imports: Vec<Extern>) -> Result<ResolvedImports> {
    let mut resolved = ResolvedImports::default();
    for (import, value) in code.binary.imports.iter().zip(imports) {
        match value {
            Extern::Table(id) => {
                id.bind(store, code.compiler);
                resolved.add_table(store, id);
            }
            Extern::Memory(id) => resolved.add_memory(store, id),
            Extern::Tag(id) => resolved.add_tag(store, id),
            Extern::Global(id) => {
                id.bind(store, code.compiler);
                resolved.add_global(store, id);
            }
            Extern::Function(callable) => {
                let ExternType::Function(ty) = &import.ty else { unreachable!("checked by mismatch") };
                let index = code.original_index(resolved.functions.len() as u32);
                match callable {
                    Callable::Host(function) => drop(resolved.add_host(store, ty, function, code.compiler, index)?),
                    Callable::Wasm(function) => add_wasm(store, code, &mut resolved, ty, function, index)?,
                    Callable::Adapted(function) => {
                        function.set_host(store, code.compiler, index);
                        resolved.add_wasm(store, ty, function);
                    }
                }
            }
        }
    }
    Ok(resolved)
}

/// Adds a wasm function of any compiler: itself, its tier-up copy, or a bridge to it.
fn add_wasm(
    store: &Store,
    code: &Code,
    resolved: &mut ResolvedImports,
    ty: &FuncType,
    function: FuncRef,
    index: u32,
) -> Result<()> {
    let function = function.tier_up(store, code.compiler).unwrap_or(function);
    if function.is_importable(store, code.compiler) {
        resolved.add_wasm(store, ty, function);
        return Ok(());
    }
    if function.compiler(store) != code.compiler {
        function.check_bridge(store, ty, code.compiler)?;
    }
    if code.original.exceptions {
        resolved.add_wasm(store, ty, function.native_to(store, code.compiler)?);
    } else {
        let bridge = function.bridge(store, None);
        resolved.add_host(store, ty, bridge, code.compiler, index)?.set_canonical(store, function);
    }
    Ok(())
}

/// Checks that no table of the module is larger than the store allows.
///
/// # Errors
/// `OutOfRange`.
fn check_tables(binary: &Binary) -> Result<()> {
    let defined = &binary.tables[binary.imported_tables as usize..];
    match defined.iter().map(|table| table.limits.minimum).find(|minimum| *minimum > MOST_ENTRIES.into()) {
        None => Ok(()),
        Some(minimum) => {
            let message =
                format!("expected at most {MOST_ENTRIES} entries for a table, got {minimum} in a table of the module");
            Err(ErrorKind::OutOfRange { message }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::store::test_support::{compile, instantiate, new_store, table, through_table};

    #[test]
    fn imports_that_do_not_fit_are_refused_before_anything_runs() {
        let store = new_store();
        let code = compile(r#"(module (import "a" "t" (table 2 3 funcref)))"#, Compiler::Singlepass);
        let first = instantiate(&store, &compile(&through_table("1 1"), Compiler::Singlepass), Vec::new()).unwrap();
        let Err(Failure::Error(error)) =
            instantiate(&store, &code, vec![Extern::Table(table(&store, &first, "table"))])
        else {
            panic!("a table of one entry is too small")
        };
        let ErrorKind::Import { expected, actual, .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!((expected.as_str(), actual.as_str()), ("table funcref 2..3", "table funcref 1..1"));
    }
}
