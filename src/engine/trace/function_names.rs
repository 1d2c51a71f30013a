//! Function names for stack traces. Traces are rare, so the author's name section is decoded at the first one.

use crate::rewrite::{ADDED_NAME, Origins};
use crate::wasm::function_names;
use shared_buffer::OwnedBuffer;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Function names of a loaded module.
pub struct FunctionNames {
    /// Content of the author's name section
    section: Option<OwnedBuffer>,
    origins: Origins,
    /// Pairs of a function's index in the author's module and the range of its name in the section, by index
    found: OnceLock<Vec<(u32, Range<usize>)>>,
}

impl FunctionNames {
    /// Names from this name section.
    pub fn new(section: Option<OwnedBuffer>, origins: Origins) -> Arc<Self> {
        Arc::new(Self { section, origins, found: OnceLock::new() })
    }

    /// The id of the code with these names; no other code has it meanwhile.
    pub fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// The index of a function in the author's module.
    pub fn original_index(&self, index: u32) -> u32 {
        self.origins.of(index)
    }

    /// Whether the load-time pass has added the function.
    pub fn is_added(&self, index: u32) -> bool {
        // In generated modules, the name section marks each function as added.
        self.origins.is_added(index) || self.name(index) == Some(ADDED_NAME)
    }

    /// The name of the function, if it has one.
    pub fn name(&self, index: u32) -> Option<&str> {
        let section = self.section.as_deref()?;
        let found = self.found.get_or_init(|| {
            let range = |name: &str| {
                let begin = name.as_ptr().addr() - section.as_ptr().addr();
                begin..begin + name.len()
            };
            function_names(section).into_iter().map(|(index, name)| (index, range(name))).collect()
        });
        let index = self.original_index(index);
        let position = found.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        std::str::from_utf8(&section[found[position].1.clone()]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_author() {
        let bytes = wat::parse_str("(module (func $first) (func) (func $third))").unwrap();
        let binary = crate::wasm::Binary::parse(&bytes, crate::engine::Compiler::Cranelift.features()).unwrap();
        let section = binary.name_section(&bytes).map(|section| OwnedBuffer::from_bytes(section.to_vec()));
        let names = FunctionNames::new(section, Origins::default());
        assert_eq!([0, 1, 2, 3].map(|index| names.name(index)), [Some("first"), None, Some("third"), None]);
        assert_eq!(FunctionNames::new(None, Origins::default()).name(0), None);
    }
}
