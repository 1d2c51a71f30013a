//! Tail calls in other instructions, since the engine has none.
//!
//! A tail call to the function itself becomes a branch to the beginning of a loop around its body. For any other tail call
//! that a cycle may contain, the function leaves: it stores the arguments in globals and returns to a driver loop, which
//! makes the call. Such a function becomes an *entry*, and its body a function of its own. An entry that a driver loop calls
//! returns what the body left to that loop; for any other caller, it runs a driver loop itself. An entry of another
//! instance leaves a *step*, which that driver loop calls: it makes the next call with the other instance's globals.
//!
//! Code asks the host, by growing a table of its own, whether a reference is an entry (`src/store/call/tail_calls.rs`).

mod body;
mod calls;
mod functions;
mod plan;
#[cfg(test)]
mod tests;

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::generate::adapter::encoded;
use crate::rewrite::offsets::ChangedBody;
use crate::rewrite::slots::sections::Sections;
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{FuncType, GlobalType, Limits, RefType, TableType};
use calls::{TailCall, leaving, tail_calls};
use plan::{Plan, zero};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wasm_encoder::{ConstExpr, ElementSection, Elements, GlobalSection, SectionId};
use wasmparser::{Parser, Payload};

/// The answer of the host for an entry of the same instance, in whose flag it is.
pub const OWN: i32 = 1;
/// The answer for an entry of another instance.
pub const OTHER: i32 = 2;
/// The question with which an entry or a step names the step that makes its waiting call.
pub const PUBLISH: i32 = -2;
/// The question with which a driver loop asks for that step, in the entry of the table.
pub const FETCH: i32 = -1;

/// What a module with tail calls needs of its store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TailCalls {
    /// Index of the table whose growth is a question to the host: whether a reference is an entry of the type with the
    /// number of the growth, `PUBLISH` or `FETCH`
    pub table: u32,
    /// Index of the global that is the flag of its entries
    pub flag: u32,
    /// Index of the global that is not 0 while a tail call waits
    pub waiting: u32,
    /// Function indices of its entries
    pub entries: Vec<u32>,
}

/// Replaces tail calls. A module without any stays unchanged.
///
/// # Errors
/// `Unsupported` for a tail call out of a `try` with an exception as argument; `Compile` if the bytes are not what the
/// description says.
pub fn replace_tail_calls(rewritten: &mut Rewritten<'_>) -> Result<()> {
    let all = all_tail_calls(rewritten).map_err(ErrorKind::pass_failed)?;
    if all.iter().all(|(calls, calls_itself)| calls.is_empty() && !calls_itself) {
        return Ok(());
    }
    let refused = |call: &TailCall| call.leaves_try && !call.can_wait(&rewritten.binary);
    if all.iter().any(|(calls, _)| calls.iter().any(refused)) {
        let message =
            "the engine does not support tail calls out of a try with exceptions (exnref) as arguments".into();
        return Err(ErrorKind::Unsupported { message }.into());
    }
    replace(rewritten, all).map_err(|error| ErrorKind::pass_failed(error).into())
}

/// The tail calls of each function that the module defines, and whether it has any to itself.
fn all_tail_calls(rewritten: &Rewritten<'_>) -> wasmparser::Result<Vec<(Vec<TailCall>, bool)>> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(&rewritten.bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            all.push(tail_calls(rewritten.binary.imported_functions + all.len() as u32, &body)?);
        }
    }
    Ok(all)
}

fn replace(rewritten: &mut Rewritten<'_>, all: Vec<(Vec<TailCall>, bool)>) -> wasmparser::Result<()> {
    let own = rewritten.binary.imported_functions;
    let (calls, calls_itself): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let binary = rewritten.binary.clone();
    let plan = Plan::new(&binary, &leaving(&calls, &binary), &calls);
    let mut bodies: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut moved_offsets = Vec::new();
    let (code, mut offsets) = change_bodies(&rewritten.bytes, &binary, |function, body| {
        let index = function - own;
        let changed = body::translate(function, body, calls_itself[index as usize], &plan)?;
        let Some(at) = plan.bodies.get(&function) else { return Ok(changed) };
        let is_added = rewritten.origins.is_added(function);
        let forwarded = if is_added { Some(functions::forwarded(body)?) } else { None };
        let ChangedBody { code, offsets } = changed.expect("a leaving function has a tail call");
        bodies.push((binary.functions[function as usize], code));
        moved_offsets.push((at - own, offsets));
        let entry = functions::entry(&plan, function, *at, forwarded).into_raw_body();
        Ok(Some(ChangedBody { code: entry, offsets: Default::default() }))
    })?;
    plan.bodies.keys().for_each(|entry| drop(offsets.remove(&(entry - own))));
    offsets.extend(moved_offsets);

    let mut outlined = Outlined::new(&binary);
    for (ty, body) in bodies {
        outlined.add_raw(ty, body);
    }
    for call in &plan.calls {
        let FuncType { results, .. } = call.ty(&binary).clone();
        let ty = FuncType { parameters: plan.stored(*call).into(), results };
        outlined.add(ty, functions::helper(&plan, *call));
    }
    for group in &plan.groups {
        let ty = Plan::driver_type(group);
        let type_index = outlined.type_index(ty.clone());
        let hop = outlined.add(ty.clone(), functions::hop(&plan, group));
        let driver = outlined.add(ty.clone(), functions::driver(&plan, group, type_index));
        let step = outlined.add(ty, functions::step(&plan, group));
        debug_assert_eq!((hop, driver, step), (group.hop, group.driver, group.step));
    }
    let bytes = std::mem::take(&mut rewritten.bytes);
    let mut sections = Sections::of(&bytes)?;
    outlined.write(code, &mut sections, rewritten)?;
    if !plan.bodies.is_empty() {
        add_state(&plan, &mut sections, rewritten)?;
    }
    let moved: BTreeMap<u32, u32> = plan.bodies.iter().map(|(entry, body)| (body - own, entry - own)).collect();
    rewritten.offsets.add_moved(offsets, moved);
    plan.bodies.iter().for_each(|(entry, body)| rewritten.origins.move_body(*entry, *body));
    rewritten.bytes = sections.finish().into();
    Ok(())
}

/// Adds the globals, the table, and the segment that declares references.
fn add_state(plan: &Plan<'_>, sections: &mut Sections<'_>, rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let mut globals = GlobalSection::new();
    for ty in &plan.globals {
        let init = ConstExpr::extended([zero(*ty)]);
        globals.global(wasm_encoder::GlobalType { val_type: encoded(*ty), mutable: true, shared: false }, &init);
        rewritten.binary.globals.push(GlobalType { value: *ty, mutable: true });
    }
    sections.append_section(SectionId::Global, plan.globals.len() as u32, &globals)?;
    let limits = Limits { minimum: 1, maximum: Some(2) };
    let mut tables = wasm_encoder::TableSection::new();
    tables.table(wasm_encoder::TableType {
        element_type: wasm_encoder::RefType::FUNCREF,
        minimum: limits.minimum,
        // With a maximum of one, the engine would call a copy of the entry.
        maximum: limits.maximum,
        table64: false,
        shared: false,
    });
    sections.append_section(SectionId::Table, 1, &tables)?;
    rewritten.binary.tables.push(TableType { element: RefType::Func, limits });
    let mut elements = ElementSection::new();
    elements.declared(Elements::Functions(plan.referenced().into()));
    sections.append_section(SectionId::Element, 1, &elements)?;
    let entries = plan.bodies.keys().copied().collect();
    rewritten.tail_calls = Some(TailCalls { table: plan.table, flag: plan.flag, waiting: plan.waiting, entries });
    Ok(())
}
