use crate::rewrite::slots::naming::Names;
use crate::rewrite::{ModuleSlot, Named};
use crate::wasm::Binary;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What functions are to the pass, besides having a slot or not. Function indices are those of the
/// original module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Roles {
    /// The names of the declared slots, with the import by which each is called, if it is
    pub declared: BTreeMap<String, Option<u32>>,
    /// Names of the declared slots, by their original
    pub originals: BTreeMap<u32, String>,
    /// The functions whose calls vanish, since they only give back their parameter
    pub stripped: BTreeSet<u32>,
    /// The entries of tables that functions are put into from the start
    pub entries: BTreeMap<u32, u32>,
}

/// What users are told of functions. It takes none of it to run a module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Details {
    /// What the functions of the slots are called, in the order of the slots
    pub names: Vec<Named>,
    /// What functions are, besides having a slot
    pub roles: Roles,
}

/// A function that is no slot.
#[derive(Debug)]
pub struct FunctionRoles {
    /// What it is called
    pub named: Named,
    /// Its index in the module
    pub index: u32,
    /// Why it is no slot
    pub why: WhyNot,
}

/// Why a function is no slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// Nobody asked for it
    NotSelected,
    /// It only gives back its parameter, and so its calls went
    Identity,
    /// It is the original of the declared slot of this name
    Original(String),
}

impl WhyNot {
    /// A stable word for it.
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

/// The functions of a module that are no slots. `names` is the content of its name section.
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
