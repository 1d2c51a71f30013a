//! The load-time pass: bytes in, valid wasm and its description out.
//!
//! Every call of a slot's function goes through a table entry afterwards. Funcref tables of fixed size get a larger maximum if
//! code of the module writes them: the engine would copy them after each write. Pure: no engine, no N-API, no `unsafe`.
#![forbid(unsafe_code)]

mod generate;
mod offsets;
mod slots;
mod transform;
use crate::error::{ErrorKind, Result};
use crate::wasm::{Binary, stack_pointer};
use serde::{Deserialize, Serialize};
use slots::naming::Names;
use std::borrow::Cow;

pub use generate::adapter::{adapter, catching_adapter};
pub use generate::batch::{Columns, batch, width};
pub use generate::split::split;
pub use offsets::Offsets;
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
pub use transform::strip::{strip_custom_sections, without_functions};
pub use transform::tail_calls::{FETCH, OTHER, OWN, PUBLISH, TailCalls, replace_tail_calls};
pub use transform::tier_up::{tier_up_module, why_no_tier_up};

/// A module after the pass.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rewritten<'a> {
    /// The bytes to compile, borrowed if nothing had to change. Not serialized, since they are not needed after the compile
    #[serde(skip)]
    pub bytes: Cow<'a, [u8]>,
    /// The description of these bytes, but with the author's limits of tables
    pub binary: Binary,
    /// Its slots, the declared ones first
    pub slots: Vec<ModuleSlot>,
    /// The forwarders
    pub forwarders: Vec<Forwarder>,
    /// The original index of each function
    pub origins: Origins,
    /// The imported tables from which code reads references, which it may store elsewhere
    pub read_tables: Vec<u32>,
    /// The imported tables into which code writes references
    pub written_tables: Vec<u32>,
    /// The imported globals into which code writes references
    pub written_globals: Vec<u32>,
    /// The global that is the module's stack pointer, if it has one
    pub stack_pointer: Option<u32>,
    /// What it needs of its store for tail calls, if it has any
    pub tail_calls: Option<TailCalls>,
    /// Offsets of its code before the pass. Not serialized, since they are not needed after the compile
    #[serde(skip)]
    pub offsets: Offsets,
    /// Information on its functions for users. Large and rarely needed, so it is serialized separately
    #[serde(skip)]
    pub details: Details,
}

/// Options of the pass.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The functions that become slots
    pub selection: Selection,
    /// Whether imports with float parameters that are used as values get forwarders: Singlepass calls imports and other
    /// functions in different ways
    pub forward_float_imports: bool,
}

/// A function that only calls an import.
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
/// `Declaration` if the import and the original of a declared slot have different types.
pub fn rewrite<'a>(bytes: &'a [u8], binary: &Binary, options: &Options) -> Result<Rewritten<'a>> {
    rewrite_while(bytes, binary, options, &|| Ok(()))
}

/// `rewrite` that calls `check` between its steps.
///
/// # Errors
/// The errors of `rewrite` and of `check`.
pub fn rewrite_while<'a>(
    bytes: &'a [u8],
    binary: &Binary,
    options: &Options,
    check: &dyn Fn() -> Result<()>,
) -> Result<Rewritten<'a>> {
    let plan = slots::plan::Plan::new(bytes, binary, options)?;
    check()?;
    let stack_pointer = stack_pointer(bytes, binary)?;
    check()?;
    let read_tables = plan.read_imported_tables();
    let (written_tables, written_globals) = plan.written_imports();
    if plan.is_identity() {
        let unchanged = Rewritten::unchanged(bytes, binary.clone());
        let details = Details { names: Vec::new(), call_sites: plan.call_sites(), roles: plan.roles };
        return Ok(Rewritten { read_tables, written_tables, written_globals, stack_pointer, details, ..unchanged });
    }
    let (encoded, step) = slots::encode::encode(bytes, &plan).map_err(ErrorKind::pass_failed)?;
    check()?;
    let (binary_after, forwarders, origins) = (plan.describe(), plan.forwarders(), plan.origins());
    let call_sites = plan.call_sites();
    let (slots, roles, mut names) = (plan.slots, plan.roles, plan.declared_names);
    let all = Names::new(binary, binary.name_section(bytes), &roles.declared);
    names.extend(slots[names.len()..].iter().map(|slot| all.of(slot.function)));
    let details = Details { names, roles, call_sites };
    let bytes = Cow::Owned(encoded);
    let mut offsets = Offsets::default();
    offsets.add(step);
    let binary = binary_after;
    Ok(Rewritten {
        bytes,
        binary,
        slots,
        forwarders,
        origins,
        read_tables,
        written_tables,
        written_globals,
        stack_pointer,
        tail_calls: None,
        offsets,
        details,
    })
}

/// Refuses a module with contradictory declared slots.
///
/// # Errors
/// `Declaration`.
pub fn check_declarations(binary: &Binary) -> Result<()> {
    slots::declared::declared(binary).map(drop)
}

/// The names of a module's functions, by function index.
///
/// # Errors
/// The errors of `rewrite`.
pub fn names(bytes: &[u8], binary: &Binary) -> Result<Vec<Named>> {
    let declared = slots::declared::declared(binary)?;
    let declared = declared.iter().map(|slot| (slot.name.to_owned(), slot.imports.first().copied())).collect();
    let names = Names::new(binary, binary.name_section(bytes), &declared);
    Ok((0..binary.functions.len() as u32).map(|function| names.of(function)).collect())
}

impl<'a> Rewritten<'a> {
    /// This module without its bytes, which are not needed after the compile.
    pub fn without_bytes(self) -> Rewritten<'static> {
        let Self { binary, slots, forwarders, origins, read_tables, written_tables, written_globals, .. } = self;
        Rewritten {
            bytes: Cow::default(),
            binary,
            slots,
            forwarders,
            origins,
            read_tables,
            written_tables,
            written_globals,
            stack_pointer: self.stack_pointer,
            tail_calls: self.tail_calls,
            offsets: Offsets::default(),
            details: self.details,
        }
    }

    /// A module that the pass does not change.
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
            stack_pointer: None,
            tail_calls: None,
            offsets: Offsets::default(),
            details: Details::default(),
        }
    }
}

#[cfg(test)]
mod tests;
