//! The load-time pass without a compilation: the rewritten module, and a report on a module.

use crate::engine::CompilerChoice;
use crate::error;
use crate::napi::api::compile::selection;
use crate::napi::convert::describe::{self, NativeFunction, NativeImport, NativeSelection};
use crate::napi::env::throw::{NativeError, guarded};
use crate::rewrite::{Options, Rewritten, cut_chains, long_chains, rewrite};
use crate::wasm::{Binary, ExternKind, Features, section_sizes};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

/// A report on a module.
#[napi(object, object_from_js = false)]
pub struct NativeReport {
    /// Size of the rewritten module in bytes
    pub rewritten_size: u32,
    /// Its sections, in order
    pub sections: Vec<NativeSection>,
    /// Its imports
    pub imports: Vec<NativeImport>,
    /// Its exports
    pub exports: Vec<NativeTypedExport>,
    /// Number of imported functions
    pub imported_functions: u32,
    /// Number of defined functions
    pub defined_functions: u32,
    /// Number of functions with a name in the name section
    pub named_functions: u32,
    /// The functions whose locals are cut for Cranelift, by index
    pub cut_functions: Vec<u32>,
    /// The compiler that compiles it where Cranelift is asked for
    pub compiler: String,
    /// The functions on which Cranelift would spend too long
    pub costly_functions: Vec<NativeCostly>,
    /// Its slots
    pub slots: Vec<NativeFunction>,
    /// Its functions that are not slots
    pub others: Vec<NativeFunction>,
    /// Its tables
    pub tables: Vec<NativeObject>,
    /// Its memories
    pub memories: Vec<NativeObject>,
}

/// A function on which Cranelift would spend too long.
#[napi(object, object_from_js = false)]
pub struct NativeCostly {
    /// Its index
    pub index: u32,
    /// The largest term of its cost, like "live-values"
    pub reason: String,
}

/// A section of a module.
#[napi(object, object_from_js = false)]
pub struct NativeSection {
    /// Its name, like `code` or `custom "name"`
    pub name: String,
    /// Size of its content in bytes
    pub size: u32,
}

/// An export with its type.
#[napi(object, object_from_js = false)]
pub struct NativeTypedExport {
    /// Its name
    pub name: String,
    /// Its kind, like "function"
    pub kind: String,
    /// Its type as text
    #[napi(js_name = "type")]
    pub ty: String,
}

/// A table or a memory.
#[napi(object, object_from_js = false)]
pub struct NativeObject {
    /// Its type as text
    #[napi(js_name = "type")]
    pub ty: String,
    /// The module and field that it is imported from, like `env.memory`
    #[napi(js_name = "import")]
    pub import: Option<String>,
    /// The names under which it is exported
    pub exports: Vec<String>,
}

/// Runs the load-time pass, and returns the rewritten module.
#[napi]
pub fn rewrite_module(bytes: &[u8], slots: NativeSelection) -> Result<Uint8Array, NativeError> {
    let selection = selection(slots)?;
    guarded(|| {
        let options = Options { selection, ..Options::default() };
        let binary = Binary::parse(bytes, Features::EVERYTHING)?;
        Ok(rewrite(bytes, &binary, &options)?.bytes.into_owned().into())
    })
}

/// Makes a report on a module.
#[napi]
pub fn inspect_module(bytes: &[u8], slots: NativeSelection) -> Result<NativeReport, NativeError> {
    let selection = selection(slots)?;
    guarded(|| inspect(bytes, &Options { selection, ..Options::default() }))
}

fn inspect(bytes: &[u8], options: &Options) -> error::Result<NativeReport> {
    let binary = Binary::parse(bytes, Features::EVERYTHING)?;
    let mut rewritten = rewrite(bytes, &binary, options)?;
    let rewritten_size = rewritten.bytes.len() as u32;
    cut_chains(&mut rewritten)?;
    let CompilerChoice { compiler, costly } = CompilerChoice::new(bytes, &binary, &rewritten)?;
    let Rewritten { slots, details, .. } = rewritten;
    let names = binary.name_section(bytes);
    let count = binary.functions.len() as u32;
    let sections = section_sizes(bytes)?.into_iter();
    let exports = binary.exports.iter().map(|export| NativeTypedExport {
        name: export.name.clone(),
        kind: export.kind.name().to_owned(),
        ty: binary.type_of(export.kind, export.index).to_string(),
    });
    Ok(NativeReport {
        rewritten_size,
        sections: sections.map(|(name, size)| NativeSection { name, size: size as u32 }).collect(),
        imports: describe::imports(&binary),
        exports: exports.collect(),
        imported_functions: binary.imported_functions,
        defined_functions: count - binary.imported_functions,
        named_functions: names.map_or(0, |names| {
            crate::wasm::function_names(names).iter().filter(|(index, _)| *index < count).count() as u32
        }),
        cut_functions: long_chains(bytes, &binary)?,
        compiler: compiler.name().to_owned(),
        costly_functions: costly
            .into_iter()
            .map(|each| NativeCostly { index: each.function, reason: each.reason.name().to_owned() })
            .collect(),
        slots: describe::slots(&binary, &slots, &details),
        others: describe::no_slots(&binary, names, &slots, &details.roles),
        tables: objects(&binary, ExternKind::Table, binary.tables.len()),
        memories: objects(&binary, ExternKind::Memory, binary.memories.len()),
    })
}

/// The tables or memories of a module, the imported ones first.
fn objects(binary: &Binary, kind: ExternKind, count: usize) -> Vec<NativeObject> {
    let imports = binary.imports.iter().filter(|import| import.ty.kind() == kind);
    let mut imports = imports.map(|import| format!("{}.{}", import.module, import.name));
    let mut exports = vec![Vec::new(); count];
    for export in binary.exports.iter().filter(|export| export.kind == kind) {
        exports[export.index as usize].push(export.name.clone());
    }
    let objects = (0..).zip(exports).map(|(index, exports)| NativeObject {
        ty: binary.type_of(kind, index).to_string(),
        import: imports.next(),
        exports,
    });
    objects.collect()
}
