//! `CompilerChoice`: which compiler to use if the user asks for Cranelift. For functions of extreme shapes, Cranelift's
//! time grows faster than linearly; Singlepass's does not.

use crate::engine::compile::compiler::{Compiler, LARGEST_FRAME};
use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::wasm::{Binary, Costly, ExternType, FuncType, RefType, ValType, costly_functions, most_values};

/// The choice of a compiler, and why.
pub struct CompilerChoice {
    /// The compiler
    pub compiler: Compiler,
    /// The functions on which Cranelift would spend too long, by their indices in the module as its author wrote it
    pub costly: Vec<Costly>,
}

impl CompilerChoice {
    /// The choice for the module `bytes`, which is `binary`, and `rewritten` as Cranelift would get it.
    ///
    /// # Errors
    /// `Compile` if the bytes are not what the description says.
    pub fn new(bytes: &[u8], binary: &Binary, rewritten: &Rewritten<'_>) -> Result<Self> {
        let invalid = |error| ErrorKind::Compile { message: format!("invalid code: {error}") };
        let after = &rewritten.binary;
        let parameters = |function| after.function_type(function).parameters.len();
        let mut costly = costly_functions(&rewritten.bytes, after.imported_functions, parameters).map_err(invalid)?;
        costly.iter_mut().for_each(|each| each.function = rewritten.origins.of(each.function));
        let change = !costly.is_empty()
            && !shares_functions(binary)
            && Binary::parse(bytes, Compiler::Singlepass.features()).is_ok()
            && !may_exceed_frame(bytes)?;
        Ok(Self { compiler: if change { Compiler::Singlepass } else { Compiler::Cranelift }, costly })
    }
}

/// Room in a frame for arguments and results of its calls, and for the compiler's own values, in bytes.
const CALLS: usize = 64 << 10;

/// Whether a function of the module may have a frame of more than `LARGEST_FRAME` bytes in Singlepass's code. Only a
/// compile gives the exact size.
///
/// # Errors
/// `Compile` for bytes that are not a valid module.
pub(in crate::engine) fn may_exceed_frame(bytes: &[u8]) -> Result<bool> {
    Ok(most_values(bytes)? * size_of::<u64>() >= LARGEST_FRAME - CALLS)
}

/// Whether the module shares functions with others through tables, globals, arguments or results. Code of different
/// compilers cannot.
fn shares_functions(binary: &Binary) -> bool {
    let imports = binary.imports.iter().map(|import| import.ty.clone());
    let exports = binary.exports.iter().map(|export| binary.type_of(export.kind, export.index));
    let funcref = ValType::Ref(RefType::Func);
    let has = |ty: &FuncType| ty.parameters.iter().chain(&ty.results).any(|each| *each == funcref);
    imports.chain(exports).any(|ty| match ty {
        ExternType::Function(ty) | ExternType::Tag(ty) => has(&ty),
        ExternType::Table(ty) => ty.element == RefType::Func,
        ExternType::Global(ty) => ty.value == funcref,
        ExternType::Memory { .. } => false,
    })
}
