//! Sections of a module: their order, their contents, and the ones that become stale.

use std::borrow::Cow;
use wasm_encoder::{CodeSection, Encode, Module, RawSection, SectionId};
use wasmparser::{BinaryReader, Parser};

/// The sections that the pass adds items to, in the order of a module.
pub(in crate::rewrite) const ADDED: [SectionId; 4] =
    [SectionId::Function, SectionId::Table, SectionId::Element, SectionId::Code];

/// The order of sections in a module.
const ORDER: [SectionId; 13] = [
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];

/// The position of a section in that order.
pub(in crate::rewrite) fn rank(section: SectionId) -> usize {
    ORDER.iter().position(|&each| each == section).unwrap_or(ORDER.len())
}

/// Whether a custom section becomes wrong when the code changes: it contains offsets into the code section, or function
/// indices. Engines need none of these, and `Module.customSections` reads the original bytes.
pub(in crate::rewrite) fn is_stale(name: &str) -> bool {
    let prefixes = [".debug_", "reloc.", "metadata.code."];
    let names = ["linking", "sourceMappingURL", "external_debug_info"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The sections of a module, for adding items.
pub(in crate::rewrite) struct Sections<'a>(Vec<(u8, Cow<'a, [u8]>)>);

impl<'a> Sections<'a> {
    pub fn of(bytes: &'a [u8]) -> wasmparser::Result<Self> {
        let mut sections = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            if let Some((id, range)) = payload?.as_section() {
                sections.push((id, Cow::Borrowed(&bytes[range.start as usize..range.end as usize])));
            }
        }
        Ok(Self(sections))
    }

    fn find(&mut self, id: SectionId) -> Option<&mut Cow<'a, [u8]>> {
        self.0.iter_mut().find(|(each, _)| *each == id as u8).map(|(_, content)| content)
    }

    /// Sets the contents of a section. If there is none, adds it at its position in the order of sections.
    pub fn set(&mut self, id: SectionId, content: Vec<u8>) {
        if let Some(old) = self.find(id) {
            *old = content.into();
            return;
        }
        let is_later = |(each, _): &(u8, _)| ORDER.iter().any(|other| *other as u8 == *each && rank(*other) > rank(id));
        let position = self.0.iter().position(is_later).unwrap_or(self.0.len());
        self.0.insert(position, (id as u8, content.into()));
    }

    /// Sets the bodies of the functions.
    pub fn set_code(&mut self, code: &CodeSection) -> wasmparser::Result<()> {
        self.set(SectionId::Code, content(code)?);
        Ok(())
    }

    /// Appends `count` items to a section that is a list.
    pub fn append(&mut self, id: SectionId, count: u32, items: &[u8]) -> wasmparser::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let empty = [0].as_slice();
        let old = self.find(id).map_or(Cow::Borrowed(empty), std::mem::take);
        let mut reader = BinaryReader::new(&old, 0);
        let before = reader.read_var_u32()?;
        let mut content = Vec::with_capacity(old.len() + items.len() + 4);
        (before + count).encode(&mut content);
        content.extend_from_slice(&old[reader.original_position() as usize..]);
        content.extend_from_slice(items);
        self.set(id, content);
        Ok(())
    }

    /// Appends the `count` items of `added` to the section that is such a list.
    pub fn append_section(&mut self, id: SectionId, count: u32, added: &impl Encode) -> wasmparser::Result<()> {
        let items = content(added)?;
        let mut reader = BinaryReader::new(&items, 0);
        reader.read_var_u32()?;
        let begin = reader.original_position() as usize;
        self.append(id, count, &items[begin..])
    }

    pub fn finish(self) -> Vec<u8> {
        let mut module = Module::new();
        for (id, data) in &self.0 {
            module.section(&RawSection { id: *id, data });
        }
        module.finish()
    }
}

/// The contents of a section.
pub(in crate::rewrite) fn content(section: &impl Encode) -> wasmparser::Result<Vec<u8>> {
    let mut encoded = Vec::new();
    section.encode(&mut encoded);
    // The length comes first.
    let mut reader = BinaryReader::new(&encoded, 0);
    reader.read_var_u32()?;
    let start = reader.original_position() as usize;
    Ok(encoded.split_off(start))
}
