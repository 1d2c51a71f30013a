//! The load-time pass: bytes in, valid wasm out, and a description of what was loaded.
//!
//! It leads every way to a slot's function through an entry of a table, and gives fixed-size funcref
//! tables room in their type, so that the engine reads them through memory. Pure: no engine, no
//! N-API, no `unsafe`.
#![forbid(unsafe_code)]

mod generate;
mod slots;
mod transform;
use crate::error::{ErrorKind, Result};
use crate::wasm::Binary;
use serde::{Deserialize, Serialize};
use slots::naming::Names;
use std::borrow::Cow;

pub use generate::adapter::{adapter, catching_adapter};
pub use generate::batch::{Columns, PAGE, batch, width};
pub use slots::encode::ADDED_NAME;
pub use slots::naming::Named;
pub use slots::origins::Origins;
pub use slots::report::{Details, Roles, WhyNot, others};
pub use slots::selection::Selection;
pub use slots::slot::{ModuleEntry, ModuleSlot, SlotKind};
pub use transform::atomics::outline_atomics;
pub use transform::branches::compare_branches;
pub use transform::chains::{cut_chains, long_chains};
pub use transform::elements::spell_out_elements;
pub use transform::legacy::modernize;
pub use transform::limits::{check_limits, is_near_limits};
pub use transform::strip::bare;
pub use transform::tier_up::{tier_up_module, why_no_tier_up};

/// A module after the pass.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rewritten<'a> {
    /// The bytes to compile; borrowed where nothing had to change. Of no use once they are compiled, and not kept
    #[serde(skip)]
    pub bytes: Cow<'a, [u8]>,
    /// The module that they hold, with the limits of its tables as their author wrote them
    pub binary: Binary,
    /// Its slots, the declared ones first
    pub slots: Vec<ModuleSlot>,
    /// The functions that stand for imports
    pub forwarders: Vec<Forwarder>,
    /// Which function of the original module each function is
    pub origins: Origins,
    /// The imported tables whose entries code may put elsewhere
    pub read_tables: Vec<u32>,
    /// The imported tables into which code puts references
    pub written_tables: Vec<u32>,
    /// The imported globals into which code puts references
    pub written_globals: Vec<u32>,
    /// What users are told of its functions. Large, and kept apart: it is seldom asked for
    #[serde(skip)]
    pub details: Details,
}

/// What the pass is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which functions become slots
    pub selection: Selection,
    /// Let a function of the module stand for an import with float parameters where that is taken
    /// as a value: the compiler calls imports and other functions in different ways.
    pub forward_float_imports: bool,
}

/// A function that calls an import and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarder {
    /// Function index of the import
    pub import: u32,
    /// Function index of the forwarder
    pub function: u32,
}

/// Runs the pass over a module that `Binary::parse` accepted.
///
/// # Errors
/// `Declaration` when the import and the export of a declared slot do not fit each other.
pub fn rewrite<'a>(bytes: &'a [u8], binary: &Binary, options: &Options) -> Result<Rewritten<'a>> {
    let plan = slots::plan::Plan::new(bytes, binary, options)?;
    let read_tables = plan.read_imported_tables();
    let (written_tables, written_globals) = plan.written_imports();
    if plan.is_identity() {
        let unchanged = Rewritten::unchanged(bytes, binary.clone());
        let details = Details { names: Vec::new(), roles: plan.roles };
        return Ok(Rewritten { read_tables, written_tables, written_globals, details, ..unchanged });
    }
    let encoded = slots::encode::encode(bytes, &plan)
        .map_err(|error| ErrorKind::Compile { message: format!("the load-time pass failed: {error}") })?;
    let (binary_after, forwarders, origins) = (plan.describe(), plan.forwarders(), plan.origins());
    let (slots, roles, mut names) = (plan.slots, plan.roles, plan.declared_names);
    let all = Names::new(binary, binary.name_section(bytes), &roles.declared);
    names.extend(slots[names.len()..].iter().map(|slot| all.of(slot.function)));
    let details = Details { names, roles };
    let bytes = Cow::Owned(encoded);
    let binary = binary_after;
    Ok(Rewritten { bytes, binary, slots, forwarders, origins, read_tables, written_tables, written_globals, details })
}

/// Refuses a module whose declared slots do not fit.
///
/// # Errors
/// `Declaration`.
pub fn check_declarations(binary: &Binary) -> Result<()> {
    slots::declared::declared(binary).map(drop)
}

/// What the functions of a module are called, by function index.
///
/// # Errors
/// Those of `rewrite`.
pub fn names(bytes: &[u8], binary: &Binary) -> Result<Vec<Named>> {
    let declared = slots::declared::declared(binary)?;
    let declared = declared.iter().map(|slot| (slot.name.to_owned(), slot.imports.first().copied())).collect();
    let names = Names::new(binary, binary.name_section(bytes), &declared);
    Ok((0..binary.functions.len() as u32).map(|function| names.of(function)).collect())
}

impl<'a> Rewritten<'a> {
    /// What is known of the module, once the bytes are compiled.
    pub fn without_bytes(self) -> Rewritten<'static> {
        let Self { binary, slots, forwarders, origins, read_tables, written_tables, written_globals, details, .. } =
            self;
        let bytes = Cow::default();
        Rewritten { bytes, binary, slots, forwarders, origins, read_tables, written_tables, written_globals, details }
    }

    /// A module that the pass leaves as it is.
    pub fn unchanged(bytes: &'a [u8], binary: Binary) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            binary,
            slots: Vec::new(),
            forwarders: Vec::new(),
            origins: Origins::default(),
            read_tables: Vec::new(),
            written_tables: Vec::new(),
            written_globals: Vec::new(),
            details: Details::default(),
        }
    }
}

#[cfg(test)]
mod tests;
