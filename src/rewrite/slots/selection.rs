//! The selection of functions that become slots.

use crate::wasm::Uses;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The functions of a module that become slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Selection {
    /// None, not even declared ones
    None,
    /// Functions that are imported, exported or used as a value
    #[default]
    Default,
    /// The default, and these functions by index
    More(BTreeSet<u32>),
    /// Every function
    All,
}

impl Selection {
    /// Whether this function is selected explicitly.
    pub(in crate::rewrite) fn lists(&self, function: u32) -> bool {
        matches!(self, Self::More(functions) if functions.contains(&function))
    }

    /// Whether this function is selected.
    pub(in crate::rewrite) fn selects(&self, function: u32, imported: bool, uses: &Uses) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Default | Self::More(_) => {
                imported || uses.functions[function as usize].taken() || self.lists(function)
            }
        }
    }

    /// Whether calls of this function are removed: it is an identity function, and not selected explicitly.
    pub(in crate::rewrite) fn removes_calls_of(&self, function: u32, uses: &Uses) -> bool {
        let each = uses.functions[function as usize];
        *self != Self::None && each.identity && each.called && !self.lists(function)
    }
}
