//! The encoder of the rewritten module.

use crate::rewrite::generate::forwarding_body::forwarding_body;
use crate::rewrite::offsets::{StepOffsets, split};
use crate::rewrite::slots::body;
use crate::rewrite::slots::plan::{Added, Plan};
use crate::rewrite::slots::sections::{ADDED, is_stale, rank};
use std::borrow::Cow;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, FunctionSection, ImportSection, IndirectNameMap, Instruction,
    Module, NameMap, NameSection, SectionId, TableSection,
};
use wasmparser::{FunctionBody, Name, Parser, TypeRef};

/// Name of added functions in the name section. It distinguishes them from the author's functions.
pub const ADDED_NAME: &str = "wasm-relink";

/// Encodes the module with the changes of the plan.
pub(in crate::rewrite) fn encode(bytes: &[u8], plan: &Plan<'_>) -> Result<(Vec<u8>, StepOffsets), Error> {
    let mut module = Module::new();
    let table = plan.binary.imported_tables;
    let mut encoder = Encoder {
        plan,
        import: 0,
        table,
        segment: 0,
        in_direct_segment: false,
        next: 0,
        named: false,
        body: 0,
        offsets: StepOffsets::default(),
    };
    encoder.parse_core_module(&mut module, Parser::new(0), bytes)?;
    if !encoder.named && !plan.added.is_empty() {
        let mut names = NameSection::new();
        let mut functions = NameMap::new();
        encoder.name_added(&mut functions);
        names.functions(&functions);
        module.section(&names);
    }
    Ok((module.finish(), encoder.offsets))
}

struct Encoder<'a> {
    plan: &'a Plan<'a>,
    /// Index of the next imported function
    import: u32,
    /// Index of the next local table
    table: u32,
    /// Index of the next element segment
    segment: usize,
    /// Whether the current segment's entries hold functions themselves, not thunks
    in_direct_segment: bool,
    /// Number of sections of `ADDED` that have been written
    next: usize,
    /// Whether the added functions have been named
    named: bool,
    /// Index of the next body
    body: u32,
    /// The offsets of the changed bodies
    offsets: StepOffsets,
}

impl Encoder<'_> {
    fn add_functions(&self, section: &mut FunctionSection) {
        for added in &self.plan.added {
            section.function(self.plan.added_type(*added));
        }
    }

    fn add_table(&self, section: &mut TableSection) {
        if !self.plan.dispatch.is_empty() {
            let ty = self.plan.dispatch_table_type();
            section.table(wasm_encoder::TableType {
                element_type: wasm_encoder::RefType::FUNCREF,
                minimum: ty.limits.minimum,
                maximum: ty.limits.maximum,
                table64: false,
                shared: false,
            });
        }
    }

    /// Adds the segment that fills the dispatch table, before the module's own segments. One of these may fail, and functions
    /// that earlier segments have put into imported tables must work then.
    fn fill_dispatch_table(&self, section: &mut ElementSection) {
        if !self.plan.dispatch.is_empty() {
            let originals: Vec<_> = self.plan.dispatch.iter().map(|slot| self.plan.slots[*slot].original).collect();
            let table = self.plan.dispatch_table;
            section.active(Some(table), &ConstExpr::i32_const(0), Elements::Functions(originals.into()));
        }
    }

    fn declare_thunks(&self, section: &mut ElementSection) {
        if !self.plan.referenced.is_empty() {
            section.declared(Elements::Functions(Cow::Borrowed(&self.plan.referenced)));
        }
    }

    fn add_code(&self, section: &mut CodeSection) {
        for added in &self.plan.added {
            let parameters = self.plan.binary.types[self.plan.added_type(*added) as usize].parameters.len();
            // In a module with tail calls, a chain of these may lead through any number of thunks.
            let tail = self.plan.binary.tail_calls;
            let body = match added {
                Added::Thunk(slot) => {
                    let slot = &self.plan.slots[*slot];
                    let (entry, type_index) = (slot.primary_entry.index.cast_signed(), slot.ty);
                    let table_index = slot.primary_entry.table;
                    let call = if tail {
                        Instruction::ReturnCallIndirect { type_index, table_index }
                    } else {
                        Instruction::CallIndirect { type_index, table_index }
                    };
                    forwarding_body(parameters, &[Instruction::I32Const(entry), call])
                }
                Added::Forwarder(import) => {
                    let import = self.plan.moved(*import);
                    let call = if tail { Instruction::ReturnCall(import) } else { Instruction::Call(import) };
                    forwarding_body(parameters, &[call])
                }
            };
            section.function(&body);
        }
    }

    /// Whether the plan adds items to a section.
    fn adds_to(&self, section: SectionId) -> bool {
        match section {
            SectionId::Table => !self.plan.dispatch.is_empty(),
            SectionId::Element => !self.plan.dispatch.is_empty() || !self.plan.referenced.is_empty(),
            _ => !self.plan.added.is_empty(),
        }
    }

    /// Writes the sections that the plan adds to and that the module lacks, if they come before section `before`.
    fn add_missing(&mut self, module: &mut Module, before: Option<SectionId>) {
        let end = before.map_or(usize::MAX, rank);
        while let Some(&section) = ADDED.get(self.next) {
            if rank(section) >= end {
                // The module has this section, and it comes next: the items are added to it there.
                if before == Some(section) {
                    self.next += 1;
                }
                break;
            }
            self.next += 1;
            if !self.adds_to(section) {
                continue;
            }
            match section {
                SectionId::Function => {
                    let mut functions = FunctionSection::new();
                    self.add_functions(&mut functions);
                    module.section(&functions);
                }
                SectionId::Table => {
                    let mut tables = TableSection::new();
                    self.add_table(&mut tables);
                    module.section(&tables);
                }
                SectionId::Element => {
                    let mut elements = ElementSection::new();
                    self.fill_dispatch_table(&mut elements);
                    self.declare_thunks(&mut elements);
                    module.section(&elements);
                }
                _ => {
                    let mut code = CodeSection::new();
                    self.add_code(&mut code);
                    module.section(&code);
                }
            }
        }
    }

    fn name_added(&mut self, functions: &mut NameMap) {
        self.plan.added().for_each(|(index, _)| functions.append(index, ADDED_NAME));
        self.named = true;
    }

    /// The names inside functions, without the names in removed imports.
    fn inner_names(&self, map: wasmparser::IndirectNameMap<'_>) -> Result<IndirectNameMap, Error> {
        let mut renamed = IndirectNameMap::new();
        for naming in map {
            let naming = naming?;
            if !self.plan.keeps(naming.index) {
                continue;
            }
            let mut names = NameMap::new();
            for inner in naming.names {
                let inner = inner?;
                names.append(inner.index, inner.name);
            }
            renamed.append(self.plan.moved(naming.index), &names);
        }
        Ok(renamed)
    }
}

impl Reencode for Encoder<'_> {
    type Error = std::convert::Infallible;

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error> {
        self.add_missing(module, before);
        Ok(())
    }

    fn function_index(&mut self, index: u32) -> Result<u32, Error> {
        Ok(if self.in_direct_segment { self.plan.original(index) } else { self.plan.taken(index) })
    }

    fn element_index(&mut self, index: u32) -> Result<u32, Error> {
        Ok(self.plan.moved_segment(index))
    }

    fn start_section(&mut self, start: u32) -> Result<u32, Error> {
        // No link can be made before the start function has run.
        Ok(self.plan.original(start))
    }

    fn parse_import_section(
        &mut self,
        section: &mut ImportSection,
        reader: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in reader.into_imports() {
            let import = import?;
            if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                self.import += 1;
                if self.plan.removes(self.import - 1) {
                    continue;
                }
            }
            section.import(import.module, import.name, self.entity_type(import.ty)?);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        section: &mut FunctionSection,
        reader: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, section, reader)?;
        self.add_functions(section);
        Ok(())
    }

    fn parse_table_section(
        &mut self,
        section: &mut TableSection,
        reader: wasmparser::TableSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_table_section(self, section, reader)?;
        self.add_table(section);
        Ok(())
    }

    fn parse_table(&mut self, section: &mut TableSection, mut table: wasmparser::Table<'_>) -> Result<(), Error> {
        table.ty.maximum = self.plan.table_maximum(self.table);
        self.table += 1;
        utils::parse_table(self, section, table)
    }

    fn parse_element_section(
        &mut self,
        section: &mut ElementSection,
        reader: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), Error> {
        self.fill_dispatch_table(section);
        utils::parse_element_section(self, section, reader)?;
        self.declare_thunks(section);
        Ok(())
    }

    fn parse_element(&mut self, section: &mut ElementSection, element: wasmparser::Element<'_>) -> Result<(), Error> {
        self.in_direct_segment = self.plan.direct_segments.get(self.segment).copied().unwrap_or_default();
        self.segment += 1;
        let written = utils::parse_element(self, section, element);
        self.in_direct_segment = false;
        written
    }

    fn parse_code_section(
        &mut self,
        section: &mut CodeSection,
        reader: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_code_section(self, section, reader)?;
        self.add_code(section);
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error> {
        code.raw(&split(body::rewrite(&body, self.plan)?, body.as_bytes(), self.body, &mut self.offsets));
        self.body += 1;
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        if is_stale(section.name()) || (section.name() == "name" && self.plan.binary.bad_names) {
            return Ok(());
        }
        utils::parse_custom_section(self, module, section)
    }

    fn parse_custom_name_subsection(&mut self, names: &mut NameSection, section: Name<'_>) -> Result<(), Error> {
        match section {
            Name::Function(map) => {
                let mut functions = Vec::new();
                for naming in map {
                    let naming = naming?;
                    if self.plan.keeps(naming.index) {
                        functions.push((self.plan.moved(naming.index), naming.name));
                    }
                }
                // A name map is sorted by index.
                functions.sort_by_key(|(index, _)| *index);
                functions.dedup_by_key(|(index, _)| *index);
                let mut renamed = NameMap::new();
                functions.into_iter().for_each(|(index, name)| renamed.append(index, name));
                if !self.named {
                    self.name_added(&mut renamed);
                }
                names.functions(&renamed);
            }
            Name::Local(map) => names.locals(&self.inner_names(map)?),
            Name::Label(map) => names.labels(&self.inner_names(map)?),
            other => utils::parse_custom_name_subsection(self, names, other)?,
        }
        Ok(())
    }
}
