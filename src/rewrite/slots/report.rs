//! The report on the functions that are not slots.

use crate::rewrite::slots::naming::Names;
use crate::rewrite::{ModuleSlot, Named};
use crate::wasm::Binary;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Roles of functions besides having a slot. Function indices refer to the original module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Roles {
    /// The names of the declared slots, each with its import, if it has one
    pub declared: BTreeMap<String, Option<u32>>,
    /// Names of the declared slots, by their original
    pub originals: BTreeMap<u32, String>,
    /// The identity functions whose calls are removed
    pub stripped: BTreeSet<u32>,
    /// By function, a table entry that holds it from the start
    pub entries: BTreeMap<u32, u32>,
}

/// Information on functions for users. Not needed to run a module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Details {
    /// Names of the slots' functions, in the order of the slots
    pub names: Vec<Named>,
    /// Roles of functions besides having a slot
    pub roles: Roles,
    /// By table, the types by which the author's code calls its entries, as type indices
    pub call_sites: BTreeMap<u32, BTreeSet<u32>>,
}

/// A function that is not a slot.
#[derive(Debug)]
pub struct FunctionRoles {
    /// Its names
    pub named: Named,
    /// Its index in the module
    pub index: u32,
    /// The reason
    pub why: WhyNot,
}

/// Why a function is not a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// It was not selected
    NotSelected,
    /// It is an identity function, so its calls were removed
    Identity,
    /// It is the original of the declared slot of this name
    Original(String),
}

impl WhyNot {
    /// The stable name of the reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotSelected => "not-selected",
            Self::Identity => "identity",
            Self::Original(_) => "original",
        }
    }
}

impl std::fmt::Display for WhyNot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSelected => f.write_str("it was not selected: name it in the option `slots` when compiling"),
            Self::Identity => f.write_str(
                "it only returns its parameter, so its calls were removed: name it in the option `slots` to keep them",
            ),
            Self::Original(slot) => write!(f, "it is the original of the declared slot \"{slot}\": link that slot"),
        }
    }
}

/// The functions of a module that are not slots. `names` is its name section.
pub fn others(binary: &Binary, names: Option<&[u8]>, slots: &[ModuleSlot], roles: &Roles) -> Vec<FunctionRoles> {
    let names = Names::new(binary, names, &roles.declared);
    let slots: BTreeSet<u32> = slots.iter().map(|slot| slot.function).collect();
    let others = (0..binary.functions.len() as u32).filter(|function| !slots.contains(function));
    let others = others.map(|index| {
        let why = match roles.originals.get(&index) {
            Some(slot) => WhyNot::Original(slot.clone()),
            None if roles.stripped.contains(&index) => WhyNot::Identity,
            None => WhyNot::NotSelected,
        };
        FunctionRoles { named: names.of(index), index, why }
    });
    others.collect()
}
