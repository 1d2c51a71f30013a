//! The types of blocks that the translation adds.

use crate::rewrite::generate::adapter::encoded;
use crate::wasm::{Binary, FuncType, ValType};
use std::collections::HashMap;
use wasm_encoder::{BlockType, Encode};
use wasmparser::BinaryReader;

/// The types of a module, and those that are added for blocks.
pub(super) struct Types<'a> {
    binary: &'a Binary,
    known: HashMap<FuncType, u32>,
    added: Vec<FuncType>,
}

impl<'a> Types<'a> {
    pub(super) fn new(binary: &'a Binary) -> Self {
        Self { binary, known: HashMap::new(), added: Vec::new() }
    }

    /// The type of a block.
    pub(super) fn of(&self, block: wasmparser::BlockType) -> FuncType {
        match block {
            wasmparser::BlockType::Empty => FuncType::default(),
            wasmparser::BlockType::Type(ty) => {
                let result = ValType::from_parsed(ty).expect("the module was validated");
                FuncType { results: [result].into(), ..FuncType::default() }
            }
            wasmparser::BlockType::FuncType(index) => self.binary.types[index as usize].clone(),
        }
    }

    /// The types of the values of exceptions with a tag.
    pub(super) fn payload(&self, tag: u32) -> &'a [ValType] {
        &self.binary.types[self.binary.tags[tag as usize] as usize].parameters
    }

    /// The block type with these parameters and results; added if it is new.
    pub(super) fn block(&mut self, parameters: &[ValType], results: Vec<ValType>) -> BlockType {
        match (parameters, &*results) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Result(encoded(*result)),
            _ => {
                let ty = FuncType { parameters: parameters.into(), results: results.into() };
                BlockType::FunctionType(self.index(ty))
            }
        }
    }

    fn index(&mut self, ty: FuncType) -> u32 {
        let (binary, added) = (self.binary, &mut self.added);
        *self.known.entry(ty).or_insert_with_key(|ty| {
            added.push(ty.clone());
            (binary.types.len() + added.len() - 1) as u32
        })
    }

    /// The type section with the added types at its end.
    pub(super) fn section(&self, data: &[u8]) -> wasmparser::Result<Vec<u8>> {
        let mut reader = BinaryReader::new(data, 0);
        let count = reader.read_var_u32()?;
        let mut section = Vec::with_capacity(data.len() + 8 * self.added.len());
        (count as usize + self.added.len()).encode(&mut section);
        section.extend_from_slice(&data[reader.original_position() as usize..]);
        for ty in &self.added {
            section.push(0x60);
            for list in [&ty.parameters, &ty.results] {
                list.len().encode(&mut section);
                list.iter().for_each(|ty| encoded(*ty).encode(&mut section));
            }
        }
        Ok(section)
    }
}
