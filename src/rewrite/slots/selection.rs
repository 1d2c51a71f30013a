use crate::wasm::Uses;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which functions of a module become slots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Selection {
    /// None, and no declared ones either
    None,
    /// What is imported, exported or taken as a value
    #[default]
    Default,
    /// Those, and these by their index
    More(BTreeSet<u32>),
    /// Every function
    All,
}

impl Selection {
    /// Whether it names this function.
    pub(in crate::rewrite) fn names(&self, function: u32) -> bool {
        matches!(self, Self::More(functions) if functions.contains(&function))
    }

    /// Whether it takes this function, of which `uses` tells.
    pub(in crate::rewrite) fn takes(&self, function: u32, imported: bool, uses: &Uses) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Default | Self::More(_) => {
                imported || uses.functions[function as usize].taken() || self.names(function)
            }
        }
    }

    /// Whether calls of an identity function go: they do unless someone asked for it by name.
    pub(in crate::rewrite) fn strips(&self, function: u32, uses: &Uses) -> bool {
        let each = uses.functions[function as usize];
        *self != Self::None && each.identity && each.called && !self.names(function)
    }
}
