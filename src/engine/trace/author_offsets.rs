//! Offsets of compiled code in the author's module.

use crate::error::Result;
use crate::rewrite::Offsets;
use wasmparser::{Parser, Payload};

/// Offsets of compiled code in the author's module; by default, those of the compiled one.
#[derive(Default)]
pub(in crate::engine) struct AuthorOffsets<'a> {
    /// Offsets of the bodies in the author's module
    author: Vec<u32>,
    /// Offsets of the bodies in the compiled module; the added ones come last
    compiled: Vec<u32>,
    within: Option<&'a Offsets>,
}

impl<'a> AuthorOffsets<'a> {
    /// The offsets for two modules; `within` has those inside their bodies.
    ///
    /// # Errors
    /// `InvalidWasm` if the bytes are not modules.
    pub fn new(author: &[u8], compiled: &[u8], within: &'a Offsets) -> Result<Self> {
        Ok(Self { author: bodies(author)?, compiled: bodies(compiled)?, within: Some(within) })
    }

    /// The offset in the author's module of the code at `offset`, in function `index`, counted among the functions that the
    /// compiled module defines. Code of an added function keeps its offset.
    pub fn of(&self, index: usize, offset: u32) -> u32 {
        let Some(compiled) = self.compiled.get(index) else { return offset };
        // Code that stands for no instruction has the greatest offset.
        let end = self.compiled.get(index + 1).copied().unwrap_or(u32::MAX);
        let within = if (*compiled..end).contains(&offset) { offset - compiled } else { 0 };
        let unmoved = (index as u32, within);
        let (index, within) = self.within.map_or(unmoved, |offsets| offsets.original(index as u32, within));
        self.author.get(index as usize).map_or(offset, |author| author + within)
    }
}

fn bodies(bytes: &[u8]) -> Result<Vec<u32>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body.range().start as u32);
        }
    }
    Ok(bodies)
}
