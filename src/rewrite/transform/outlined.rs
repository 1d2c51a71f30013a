//! Functions that a transform adds to a module, and that the module's code calls.

use crate::rewrite::Rewritten;
use crate::rewrite::generate::adapter::encoded;
use crate::rewrite::slots::sections::Sections;
use crate::wasm::{Binary, FuncType};
use wasm_encoder::{CodeSection, Encode, Function, SectionId};

/// The functions that a transform adds, after all others.
pub(in crate::rewrite) struct Outlined {
    /// Index of the first added function
    first: u32,
    types: Vec<FuncType>,
    /// Index of the first added type
    first_type: u32,
    /// Type index and body of each function
    functions: Vec<(u32, Vec<u8>)>,
}

impl Outlined {
    pub fn new(binary: &Binary) -> Self {
        let (first, first_type) = (binary.functions.len() as u32, binary.types.len() as u32);
        Self { first, types: Vec::new(), first_type, functions: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The index of a type, which is added if no function has it yet.
    pub fn type_index(&mut self, ty: FuncType) -> u32 {
        let known = self.types.iter().position(|each| *each == ty);
        self.first_type
            + known.unwrap_or_else(|| {
                self.types.push(ty);
                self.types.len() - 1
            }) as u32
    }

    /// Adds a function, and returns its index.
    pub fn add(&mut self, ty: FuncType, function: Function) -> u32 {
        let type_index = self.type_index(ty);
        self.add_raw(type_index, function.into_raw_body())
    }

    /// Adds a function with this type and this body, and returns its index.
    pub fn add_raw(&mut self, type_index: u32, body: Vec<u8>) -> u32 {
        self.functions.push((type_index, body));
        self.first + self.functions.len() as u32 - 1
    }

    /// Adds them to the module, after its own functions, and to its description.
    pub fn write(
        self,
        mut code: CodeSection,
        sections: &mut Sections<'_>,
        rewritten: &mut Rewritten<'_>,
    ) -> wasmparser::Result<()> {
        let (mut types, mut indices) = (Vec::new(), Vec::new());
        for ty in &self.types {
            types.push(0x60);
            for list in [&ty.parameters, &ty.results] {
                list.iter().copied().map(encoded).collect::<Vec<_>>().encode(&mut types);
            }
        }
        for (ty, body) in &self.functions {
            ty.encode(&mut indices);
            code.raw(body);
        }
        let count = self.functions.len() as u32;
        sections.append(SectionId::Type, self.types.len() as u32, &types)?;
        sections.append(SectionId::Function, count, &indices)?;
        sections.set_code(&code)?;
        rewritten.origins.add(self.first, count);
        rewritten.binary.types.extend(self.types);
        rewritten.binary.functions.extend(self.functions.iter().map(|(ty, _)| *ty));
        Ok(())
    }
}
