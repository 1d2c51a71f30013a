//! The names of functions in stack traces. wasmer would keep them in memory, copied from wherever a module comes from, and a
//! start waits for that; a trace is rare. So wasmer knows each module by an id, and the names are read when they are needed.

use crate::rewrite::{ADDED_NAME, Origins};
use crate::wasm::function_names;
use shared_buffer::OwnedBuffer;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};

/// Those of a module that is loaded.
pub struct FunctionNames {
    /// What wasmer calls the module: of no other one with other names
    id: String,
    /// The name section of its author's, if there is one
    section: Option<OwnedBuffer>,
    origins: Origins,
    /// By index in that module: where in the section each is
    found: OnceLock<Vec<(u32, Range<usize>)>>,
}

static LIVE: LazyLock<Mutex<HashMap<String, Weak<FunctionNames>>>> = LazyLock::new(Mutex::default);

impl FunctionNames {
    /// Those of a module, which can be asked for by its id as long as someone has them.
    pub fn new(id: String, section: Option<OwnedBuffer>, origins: Origins) -> Arc<Self> {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = live.get(&id).and_then(Weak::upgrade) {
            return names;
        }
        let names = Arc::new(Self { id: id.clone(), section, origins, found: OnceLock::new() });
        live.insert(id, Arc::downgrade(&names));
        names
    }

    /// Those of the module with this id.
    pub fn of(id: &str) -> Option<Arc<Self>> {
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).get(id)?.upgrade()
    }

    /// The index that a function has in the author's module.
    pub fn original_index(&self, index: u32) -> u32 {
        self.origins.of(index)
    }

    /// Whether the pass has added the function.
    pub fn is_added(&self, index: u32) -> bool {
        // Modules that are ours as a whole say so in their own name section.
        self.origins.is_added(index) || self.name(index) == Some(ADDED_NAME)
    }

    /// The name of the function, if it has one.
    pub fn name(&self, index: u32) -> Option<&str> {
        let section = self.section.as_deref()?;
        let found = self.found.get_or_init(|| {
            let place = |name: &str| {
                let begin = name.as_ptr().addr() - section.as_ptr().addr();
                begin..begin + name.len()
            };
            function_names(section).into_iter().map(|(index, name)| (index, place(name))).collect()
        });
        let index = self.original_index(index);
        let position = found.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        std::str::from_utf8(&section[found[position].1.clone()]).ok()
    }
}

impl Drop for FunctionNames {
    fn drop(&mut self) {
        let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
        // Someone may have asked for the same meanwhile.
        if live.get(&self.id).is_some_and(|names| names.strong_count() == 0) {
            live.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_as_long_as_someone_has_them() {
        let bytes = wat::parse_str("(module (func $first) (func) (func $third))").unwrap();
        let binary = crate::wasm::Binary::parse(&bytes, crate::engine::Compiler::Cranelift.features()).unwrap();
        let section = || binary.name_section(&bytes).map(|section| OwnedBuffer::from_bytes(section.to_vec()));
        let names = FunctionNames::new("one".into(), section(), Origins::default());
        let same = FunctionNames::new("one".into(), section(), Origins::default());
        assert!(Arc::ptr_eq(&names, &same));
        assert_eq!([0, 1, 2, 3].map(|index| names.name(index)), [Some("first"), None, Some("third"), None]);
        drop(names);
        assert!(FunctionNames::of("one").is_some());
        drop(same);
        assert!(FunctionNames::of("one").is_none() && !LIVE.lock().unwrap().contains_key("one"));
    }
}
