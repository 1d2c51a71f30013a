use super::plan::Plan;
use super::relay::relay;
use crate::wasm::{Limits, RefType, TableType};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, FunctionSection, ImportSection, IndirectNameMap, Instruction,
    Module, NameMap, NameSection, SectionId, TableSection,
};
use wasmparser::{FunctionBody, Name, Operator, Parser};

/// Writes the module anew, as the plan says.
pub(super) fn encode(bytes: &[u8], plan: &Plan) -> Result<Vec<u8>, Error> {
    let mut module = Module::new();
    Encoder { plan, import: 0, next: 0 }.parse_core_module(&mut module, Parser::new(0), bytes)?;
    Ok(module.finish())
}

struct Encoder<'a> {
    plan: &'a Plan,
    /// Position in the import list of the import that comes next
    import: usize,
    /// How many of `ADDED` have been written
    next: usize,
}

/// The sections that the pass adds to, in the order in which a module has them.
const ADDED: [SectionId; 4] = [SectionId::Function, SectionId::Table, SectionId::Element, SectionId::Code];

/// Where in a module a section stands.
fn rank(section: SectionId) -> usize {
    use SectionId as S;
    let order = [
        S::Type,
        S::Import,
        S::Function,
        S::Table,
        S::Memory,
        S::Tag,
        S::Global,
        S::Export,
        S::Start,
        S::Element,
        S::DataCount,
        S::Code,
        S::Data,
    ];
    order.iter().position(|&each| each == section).unwrap_or(order.len())
}

impl Encoder<'_> {
    fn add_functions(&self, section: &mut FunctionSection) {
        for ty in self.plan.added_types() {
            section.function(ty);
        }
    }

    fn add_table(&self, section: &mut TableSection) {
        if !self.plan.slots.is_empty() {
            let ty = self.plan.dispatch_table_type();
            section.table(wasm_encoder::TableType {
                element_type: wasm_encoder::RefType::FUNCREF,
                minimum: ty.limits.minimum,
                maximum: Plan::table_maximum(&ty),
                table64: false,
                shared: false,
            });
        }
    }

    fn add_elements(&self, section: &mut ElementSection) {
        if !self.plan.slots.is_empty() {
            let originals: Vec<_> = self.plan.slots.iter().map(|slot| slot.original).collect();
            let table = self.plan.dispatch_table;
            section.active(Some(table), &ConstExpr::i32_const(0), Elements::Functions(originals.into()));
        }
    }

    fn add_code(&self, section: &mut CodeSection) {
        for (entry, slot) in self.plan.slots.iter().enumerate() {
            section.function(&relay(slot.ty.parameters.len(), &self.call_slot(entry)));
        }
        for forwarded in &self.plan.forwarded {
            let call = Instruction::Call(self.plan.called(forwarded.import));
            section.function(&relay(forwarded.parameters, &[call]));
        }
    }

    fn call_slot(&self, entry: usize) -> [Instruction<'static>; 2] {
        let (type_index, table_index) = (self.plan.slot_types[entry], self.plan.dispatch_table);
        [Instruction::I32Const(entry as i32), Instruction::CallIndirect { type_index, table_index }]
    }

    /// Writes what is to be added and has no section in the module, once its place has come.
    fn add_missing(&mut self, module: &mut Module, before: Option<SectionId>) {
        let place = before.map_or(usize::MAX, rank);
        while let Some(&section) = ADDED.get(self.next) {
            if rank(section) >= place {
                // The section is the next one: it takes the additions itself.
                if before == Some(section) {
                    self.next += 1;
                }
                break;
            }
            self.next += 1;
            let tables = matches!(section, SectionId::Table | SectionId::Element);
            if self.plan.slots.is_empty() && (tables || self.plan.forwarded.is_empty()) {
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
                    self.add_elements(&mut elements);
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
        Ok(self.plan.function(index))
    }

    fn parse_import_section(
        &mut self,
        section: &mut ImportSection,
        reader: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in reader.into_imports() {
            let import = import?;
            let keep = self.plan.keeps_import(self.import);
            self.import += 1;
            if keep {
                section.import(import.module, import.name, self.entity_type(import.ty)?);
            }
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
        if let Ok(element) = RefType::from_parsed(table.ty.element_type) {
            let limits = Limits { minimum: table.ty.initial, maximum: table.ty.maximum };
            table.ty.maximum = Plan::table_maximum(&TableType { element, limits });
        }
        utils::parse_table(self, section, table)
    }

    fn parse_element_section(
        &mut self,
        section: &mut ElementSection,
        reader: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), Error> {
        // Behind the module's own segments, whose indices table.init and elem.drop use.
        utils::parse_element_section(self, section, reader)?;
        self.add_elements(section);
        Ok(())
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
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                // A call past the slot would not follow a link.
                Operator::Call { function_index } if let Some(entry) = self.plan.entry(function_index) => {
                    for instruction in self.call_slot(entry) {
                        function.instruction(&instruction);
                    }
                }
                Operator::Call { function_index } => {
                    function.instruction(&Instruction::Call(self.plan.called(function_index)));
                }
                operator => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        // Offsets into the code and relocations no longer fit it. The engine reads neither, and
        // `Module.customSections` answers from the original bytes.
        let name = section.name();
        let stale = name.starts_with(".debug_") || name.starts_with("reloc.") || name == "linking";
        if stale || (name == "name" && self.plan.bad_names) {
            return Ok(());
        }
        utils::parse_custom_section(self, module, section)
    }

    fn parse_custom_name_subsection(&mut self, names: &mut NameSection, section: Name<'_>) -> Result<(), Error> {
        match section {
            // A name map is sorted by index, and an import that became a thunk moves to the end.
            Name::Function(map) => {
                let mut functions = Vec::new();
                for naming in map {
                    let naming = naming?;
                    let index = match self.plan.entry(naming.index) {
                        Some(_) => self.plan.function(naming.index),
                        None => self.plan.called(naming.index),
                    };
                    functions.push((index, naming.name));
                }
                functions.sort_by_key(|(index, _)| *index);
                functions.dedup_by_key(|(index, _)| *index);
                let mut renamed = NameMap::new();
                functions.into_iter().for_each(|(index, name)| renamed.append(index, name));
                names.functions(&renamed);
            }
            Name::Local(map) => names.locals(&self.inner_names(map)?),
            Name::Label(map) => names.labels(&self.inner_names(map)?),
            other => utils::parse_custom_name_subsection(self, names, other)?,
        }
        Ok(())
    }
}

impl Encoder<'_> {
    /// The names inside functions, without those of imports that are gone.
    fn inner_names(&self, map: wasmparser::IndirectNameMap<'_>) -> Result<IndirectNameMap, Error> {
        let mut renamed = IndirectNameMap::new();
        for naming in map {
            let naming = naming?;
            if self.plan.entry(naming.index).is_some() {
                continue;
            }
            let mut names = NameMap::new();
            for inner in naming.names {
                let inner = inner?;
                names.append(inner.index, inner.name);
            }
            renamed.append(self.plan.called(naming.index), &names);
        }
        Ok(renamed)
    }
}
