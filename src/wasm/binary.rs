//! `Binary`: the description of a validated module.

use super::declared::{self, Declaration};
use super::invalid::{lacking, not_wasm, unsupported};
use super::names;
use super::stored_exceptions;
use super::validation::validate;
use super::{
    Export, ExternKind, ExternType, Features, FuncType, GlobalType, Import, Limits, RefType, TableType, ValType,
};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use wasmparser::{
    ElementItems, ElementKind, ExternalKind, KnownCustom, Operator, Parser, Payload, TypeRef, WasmFeatures,
};

/// The description of a validated module.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Binary {
    /// Function types, by type index
    pub types: Vec<FuncType>,
    /// Imports, in order
    pub imports: Vec<Import>,
    /// Exports, in order
    pub exports: Vec<Export>,
    /// Type index of every function, the imported ones first
    pub functions: Vec<u32>,
    /// Number of imported functions
    pub imported_functions: u32,
    /// Type of every table, the imported ones first
    pub tables: Vec<TableType>,
    /// Number of imported tables
    pub imported_tables: u32,
    /// Type of every memory, the imported ones first
    pub memories: Vec<ExternType>,
    /// Type of every global, the imported ones first
    pub globals: Vec<GlobalType>,
    /// Custom sections in order: the name, and the range of the contents in the bytes
    pub custom_sections: Vec<(String, Range<usize>)>,
    /// Records of the `relink` section
    pub declarations: Vec<Declaration>,
    /// Why the `relink` section cannot be read; none if it can
    pub bad_declarations: Option<String>,
    /// Whether the name section cannot be read; the module is still valid
    pub bad_names: bool,
    /// Whether it throws or catches exceptions, or has a tag
    pub exceptions: bool,
    /// Whether it has exception instructions of the legacy proposal: `try` and `catch`
    pub legacy_exceptions: bool,
    /// Whether it has tail calls
    pub tail_calls: bool,
    /// Type index of every tag, the imported ones first
    pub tags: Vec<u32>,
    /// Whether it has element segments with items that only the instance knows, or segments of host references that code
    /// copies
    pub computed_elements: bool,
}

impl Binary {
    /// Number of imported memories.
    pub fn imported_memories(&self) -> usize {
        self.imports.iter().filter(|import| matches!(import.ty, ExternType::Memory { .. })).count()
    }

    /// Number of imported globals.
    pub fn imported_globals(&self) -> usize {
        self.imports.iter().filter(|import| matches!(import.ty, ExternType::Global(_))).count()
    }

    /// Validates `bytes` and describes them.
    ///
    /// # Errors
    /// `InvalidWasm` with the offset of the error, `Unsupported` for a feature that the compiler or the engine lacks.
    pub fn parse(bytes: &[u8], features: Features) -> Result<Self> {
        Self::parse_while(bytes, features, &|| Ok(()))
    }

    /// `parse` that calls `check` now and then, since millions of types or functions take seconds.
    ///
    /// # Errors
    /// The errors of `parse` and of `check`.
    pub fn parse_while(bytes: &[u8], features: Features, check: &dyn Fn() -> Result<()>) -> Result<Self> {
        if !bytes.starts_with(b"\0asm") {
            return Err(not_wasm(bytes));
        }
        if bytes.get(4..8) == Some(&[0x0d, 0x00, 0x01, 0x00]) {
            return Err(unsupported("components: use the core module inside".into()));
        }
        let validate = |features| validate(bytes, features, check);
        // Most modules have neither exceptions nor tail calls: one validation is enough for them.
        let (all, both) = (features.parsed(), WasmFeatures::EXCEPTIONS | WasmFeatures::LEGACY_EXCEPTIONS);
        let is_plain = validate(all.difference(both | WasmFeatures::TAIL_CALL))?.is_ok();
        let needs = |feature: WasmFeatures| Ok::<_, Error>(!is_plain && validate(all.difference(feature))?.is_err());
        let exceptions = needs(both)?;
        let legacy_exceptions = exceptions && needs(WasmFeatures::LEGACY_EXCEPTIONS)?;
        let tail_calls = needs(WasmFeatures::TAIL_CALL)?;
        if (legacy_exceptions || tail_calls)
            && let Err(error) = validate(all)?
        {
            // A module that another engine would accept is not malformed.
            if validate(WasmFeatures::all())?.is_err() {
                return Err(error.into());
            }
            let with_cranelift = Features { simd_and_exceptions: true, ..features }.parsed();
            return Err(lacking(&error, validate(with_cranelift)?.is_ok()));
        }
        let mut binary = Self { exceptions, legacy_exceptions, tail_calls, ..Self::default() };
        for payload in Parser::new(0).parse_all(bytes) {
            binary.section(payload?, bytes)?;
            check()?;
        }
        if !features.multi_value_imports {
            binary.refuse_multi_value_imports()?;
        }
        if !features.stored_exceptions {
            stored_exceptions::refuse(&binary.tables, &binary.globals, bytes)?;
        }
        Ok(binary)
    }

    fn section(&mut self, payload: Payload<'_>, bytes: &[u8]) -> Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    self.types.push(FuncType::from_parsed(&ty?).map_err(unsupported)?);
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    self.tables.push(table_type(table?.ty)?);
                }
            }
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = element?;
                    let ElementItems::Expressions(ty, items) = element.items else { continue };
                    self.computed_elements |= ty.is_extern_ref() && matches!(element.kind, ElementKind::Passive);
                    for item in items {
                        let first = item?.get_operators_reader().read()?;
                        self.computed_elements |= matches!(first, Operator::GlobalGet { .. });
                    }
                }
            }
            Payload::TagSection(reader) => {
                for tag in reader {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    self.globals.push(global_type(global?.ty)?);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    let kind = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => ExternKind::Function,
                        ExternalKind::Table => ExternKind::Table,
                        ExternalKind::Memory => ExternKind::Memory,
                        ExternalKind::Global => ExternKind::Global,
                        ExternalKind::Tag => ExternKind::Tag,
                    };
                    self.exports.push(Export { name: export.name.to_owned(), kind, index: export.index });
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    let memory = memory?;
                    let limits = Limits { minimum: memory.initial, maximum: memory.maximum };
                    self.memories.push(ExternType::Memory { limits, shared: memory.shared });
                }
            }
            Payload::CustomSection(section) => {
                // The module's bytes are in memory, so an offset into them is a usize.
                let end = section.range().end as usize;
                let start = end - section.data().len();
                debug_assert_eq!(&bytes[start..end], section.data());
                self.custom_sections.push((section.name().to_owned(), start..end));
                if let KnownCustom::Name(names) = section.as_known() {
                    self.bad_names |= !names::are_readable(names);
                }
                if section.name() == declared::DECLARED_MODULE {
                    match declared::parse(section.data()) {
                        Ok(records) => self.declarations.extend(records),
                        Err(message) => self.bad_declarations = Some(format!("custom section, {message}")),
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn refuse_multi_value_imports(&self) -> Result<()> {
        let many = |import: &&Import| matches!(&import.ty, ExternType::Function(ty) if ty.results.len() > 1);
        self.imports.iter().find(many).map_or(Ok(()), |import| {
            let (module, name) = (&import.module, &import.name);
            Err(unsupported(format!(
                "imported functions with more than one result on the compiler singlepass, as \"{module}\".\"{name}\" is"
            )))
        })
    }

    fn import(&mut self, import: wasmparser::Import<'_>) -> Result<()> {
        let ty = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.imported_functions += 1;
                ExternType::Function(self.types[index as usize].clone())
            }
            TypeRef::Table(ty) => {
                let ty = table_type(ty)?;
                self.tables.push(ty);
                self.imported_tables += 1;
                ExternType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                let limits = Limits { minimum: ty.initial, maximum: ty.maximum };
                let memory = ExternType::Memory { limits, shared: ty.shared };
                self.memories.push(memory.clone());
                memory
            }
            TypeRef::Global(ty) => {
                let ty = global_type(ty)?;
                self.globals.push(ty);
                ExternType::Global(ty)
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                ExternType::Tag(self.types[ty.func_type_idx as usize].clone())
            }
        };
        self.imports.push(Import { module: import.module.to_owned(), name: import.name.to_owned(), ty });
        Ok(())
    }

    /// The type of an object.
    pub fn type_of(&self, kind: ExternKind, index: u32) -> ExternType {
        let index = index as usize;
        let function_type = |ty: u32| self.types[ty as usize].clone();
        match kind {
            ExternKind::Function => ExternType::Function(function_type(self.functions[index])),
            ExternKind::Table => ExternType::Table(self.tables[index]),
            ExternKind::Memory => self.memories[index].clone(),
            ExternKind::Global => ExternType::Global(self.globals[index]),
            ExternKind::Tag => ExternType::Tag(function_type(self.tags[index])),
        }
    }

    /// The indices of the exports of one kind.
    pub fn exports_of(&self, kind: ExternKind) -> impl Iterator<Item = u32> {
        self.exports.iter().filter(move |export| export.kind == kind).map(|export| export.index)
    }

    /// The contents of the first name section. `bytes` are the bytes that this describes.
    pub fn name_section<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut sections = self.custom_sections.iter();
        sections.find(|(name, _)| name == "name").map(|(_, range)| &bytes[range.clone()])
    }

    /// The type of function `index`.
    pub fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }
}

fn table_type(ty: wasmparser::TableType) -> Result<TableType> {
    let limits = Limits { minimum: ty.initial, maximum: ty.maximum };
    Ok(TableType { element: RefType::from_parsed(ty.element_type).map_err(unsupported)?, limits })
}

fn global_type(ty: wasmparser::GlobalType) -> Result<GlobalType> {
    Ok(GlobalType { value: ValType::from_parsed(ty.content_type).map_err(unsupported)?, mutable: ty.mutable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const ALL: Features = Features::EVERYTHING;

    fn offset(bytes: &[u8]) -> u64 {
        match Binary::parse(bytes, ALL).unwrap_err().kind() {
            ErrorKind::InvalidWasm { offset, .. } => *offset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn describes_a_module() {
        let bytes = wat::parse_str(
            r#"(module
                (import "env" "f" (func (param i32)))
                (import "env" "t" (table 2 funcref))
                (import "env" "g" (global (mut i64)))
                (table $own 3 3 funcref)
                (memory (export "m") 1 4)
                (func (export "two") (result i32) i32.const 2)
                (@custom "note" "hello"))"#,
        )
        .unwrap();
        let binary = Binary::parse(&bytes, ALL).unwrap();
        let imports: Vec<_> = binary.imports.iter().map(|import| import.ty.to_string()).collect();
        assert_eq!(imports, ["func (i32)", "table funcref 2..", "global mut i64"]);
        assert_eq!(binary.imported_functions, 1);
        assert_eq!(binary.function_type(1).to_string(), "() -> i32");
        assert_eq!(binary.tables[1].limits, Limits { minimum: 3, maximum: Some(3) });
        let (name, range) = &binary.custom_sections[0];
        assert_eq!((name.as_str(), &bytes[range.clone()]), ("note", b"hello".as_slice()));
        assert_eq!(binary.exports.iter().find(|export| export.name == "two").unwrap().index, 1);
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, says) in
            [(b"".as_slice(), "no bytes"), (b"hello world", "\"hello world\""), (&[0xff, 0xfe, 1, 2], "ff fe 01 02")]
        {
            let error = Binary::parse(bytes, ALL).unwrap_err();
            assert_eq!(error.code().0, "ERR_RELINK_INVALID_WASM");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn every_truncation_has_an_offset() {
        let bytes = wat::parse_str("(module (func (export \"f\") (result i32) i32.const 1))").unwrap();
        for length in 4..bytes.len() {
            // A cut between two sections leaves a shorter module that is valid, or one without its code.
            if Binary::parse(&bytes[..length], ALL).is_err() {
                assert!(offset(&bytes[..length]) as usize <= length);
            }
        }
        assert!(offset(&bytes[..bytes.len() - 1]) > 8);
    }

    #[test]
    fn an_exception_from_a_global_may_only_be_thrown() {
        let features = Features { stored_exceptions: false, ..ALL };
        let is_taken = |text: &str| Binary::parse(&wat::parse_str(text).unwrap(), features).is_ok();
        assert!(!is_taken("(module (table 1 exnref))"));
        assert!(!is_taken("(module (import \"a\" \"t\" (table 1 exnref)))"));
        assert!(!is_taken("(module (elem exnref (ref.null exn)))"));
        let global =
            |code: &str| format!("(module (global $e (mut exnref) (ref.null exn)) (func (local exnref) {code}))");
        assert!(is_taken(&global("global.get $e throw_ref")));
        assert!(is_taken(&global("global.get $e ref.null exn global.set $e throw_ref")));
        assert!(!is_taken(&global("global.get $e ref.null exn local.set 0 throw_ref")));
        assert!(is_taken(&global("global.get $e ref.is_null drop ref.null exn global.set $e")));
        assert!(!is_taken(&global("global.get $e local.set 0")));
        assert!(!is_taken(&global("global.get $e global.get $e drop throw_ref")));
    }

    #[test]
    fn singlepass_has_no_simd() {
        let bytes = wat::parse_str("(module (func (result v128) v128.const i32x4 0 0 0 0))").unwrap();
        assert!(Binary::parse(&bytes, ALL).is_ok());
        let error = Binary::parse(&bytes, Features { simd_and_exceptions: false, ..ALL }).unwrap_err();
        assert!(error.to_string().to_lowercase().contains("simd"), "{error}");
    }
}
