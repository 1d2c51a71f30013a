//! Changes of function bodies only.

use crate::rewrite::offsets::{ChangedBody, StepOffsets, split};
use crate::wasm::Binary;
use wasm_encoder::{CodeSection, Encode, Module, RawSection, SectionId, ValType};
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Parser, Payload};

/// A code section with the bodies that `change` returns, and their offsets before. `change` gets the index and the body of
/// each function, and returns none to keep the body.
pub(in crate::rewrite) fn change_bodies(
    bytes: &[u8],
    binary: &Binary,
    mut change: impl FnMut(u32, &FunctionBody<'_>) -> wasmparser::Result<Option<ChangedBody>>,
) -> wasmparser::Result<(CodeSection, StepOffsets)> {
    let (mut code, mut offsets) = (CodeSection::new(), StepOffsets::default());
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionStart { range, .. } = payload? {
            let data = &bytes[range.start as usize..range.end as usize];
            let bodies = CodeSectionReader::new(BinaryReader::new(data, range.start))?;
            for (index, body) in (0..).zip(bodies) {
                let body = body?;
                let changed = change(binary.imported_functions + index, &body)?;
                code.raw(&split(changed, body.as_bytes(), index, &mut offsets));
            }
        }
    }
    Ok((code, offsets))
}

/// The module with this code section. `change` may replace the contents of each other section.
pub(in crate::rewrite) fn with_code(
    bytes: &[u8],
    code: &CodeSection,
    change: impl Fn(u8, &[u8]) -> wasmparser::Result<Option<Vec<u8>>>,
) -> wasmparser::Result<Vec<u8>> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let data = &bytes[range.start as usize..range.end as usize];
        if id == SectionId::Code as u8 {
            module.section(code);
        } else {
            let changed = change(id, data)?;
            module.section(&RawSection { id, data: changed.as_deref().unwrap_or(data) });
        }
    }
    Ok(module.finish())
}

/// The declared locals of a function.
pub(in crate::rewrite) struct Locals<'a> {
    groups: u32,
    declared: &'a [u8],
    /// The index of the next local
    pub next: u32,
}

impl<'a> Locals<'a> {
    /// The declared locals of a function with this number of parameters.
    pub fn of(body: &FunctionBody<'a>, parameters: usize) -> wasmparser::Result<Self> {
        let offset_of = |position: u64| (position - body.range().start) as usize;
        let mut locals = body.get_locals_reader()?;
        let (groups, start) = (locals.get_count(), offset_of(locals.original_position()));
        let mut next = parameters as u32;
        for _ in 0..groups {
            next += locals.read()?.0;
        }
        Ok(Self { groups, declared: &body.as_bytes()[start..offset_of(locals.original_position())], next })
    }

    /// Encodes them, with `added` more of type `ty`.
    pub fn encode(&self, added: u32, ty: ValType, code: &mut Vec<u8>) {
        (self.groups + u32::from(added > 0)).encode(code);
        code.extend_from_slice(self.declared);
        if added > 0 {
            added.encode(code);
            ty.encode(code);
        }
    }
}
