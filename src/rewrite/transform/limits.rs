//! The limits of engines, which the additions of the pass may exceed.

use crate::error::{ErrorKind, Result};
use crate::wasm::Binary;
use wasmparser::{FunctionBody, Parser, Payload};

const TABLES: usize = 100;
const FUNCTIONS: usize = 1_000_000;
const SEGMENTS: usize = 100_000;
/// Maximum size of a function's body, in bytes
pub(in crate::rewrite) const BODY: usize = 7_654_321;
/// Maximum number of locals of a function, with its parameters
pub(in crate::rewrite) const LOCALS: u32 = 50_000;

/// Upper bound for the growth of a body in the pass, as a factor.
const GROWTH: usize = 6;

fn bodies(bytes: &[u8]) -> impl Iterator<Item = wasmparser::Result<FunctionBody<'_>>> {
    Parser::new(0).parse_all(bytes).filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => Some(Ok(body)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

fn locals(body: &FunctionBody<'_>) -> wasmparser::Result<u32> {
    let mut reader = body.get_locals_reader()?;
    (0..reader.get_count()).try_fold(0u32, |sum, _| Ok(sum.saturating_add(reader.read()?.0)))
}

fn segments(bytes: &[u8]) -> wasmparser::Result<usize> {
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ElementSection(reader) => return Ok(reader.count() as usize),
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(0)
}

/// Whether the additions of the pass may exceed a limit.
///
/// # Errors
/// `Compile` for bytes that are not a module.
pub fn is_near_limits(bytes: &[u8], binary: &Binary) -> Result<bool> {
    if binary.tables.len() >= TABLES || binary.functions.len() >= FUNCTIONS / 4 || segments(bytes)? >= SEGMENTS - 2 {
        return Ok(true);
    }
    for body in bodies(bytes) {
        let body = body?;
        if body.as_bytes().len() >= BODY / GROWTH || locals(&body)? >= LOCALS / 2 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses a rewritten module that exceeds a limit.
///
/// # Errors
/// `Unsupported`.
pub fn check_limits(bytes: &[u8], binary: &Binary) -> Result<()> {
    let beyond = |what: &str, most: usize| {
        let message = format!(
            "the module is valid, but with its slots it has more than {most} {what}, the limit of engines: compile it \
             with the option slots: 'none'"
        );
        Err(ErrorKind::Unsupported { message }.into())
    };
    if binary.tables.len() > TABLES {
        return beyond("tables", TABLES);
    }
    if binary.functions.len() > FUNCTIONS {
        return beyond("functions", FUNCTIONS);
    }
    if segments(bytes)? > SEGMENTS {
        return beyond("element segments", SEGMENTS);
    }
    for (function, body) in (binary.imported_functions..).zip(bodies(bytes)) {
        let body = body?;
        if body.as_bytes().len() > BODY {
            return beyond("bytes of a function", BODY);
        }
        let parameters = binary.function_type(function).parameters.len() as u32;
        if locals(&body)?.saturating_add(parameters) > LOCALS {
            return beyond("locals of a function", LOCALS as usize);
        }
    }
    Ok(())
}
