//! Exceptions that a module stores in tables and globals: Cranelift assumes a wrong size for them.

use super::invalid::unsupported;
use super::{GlobalType, RefType, TableType, ValType};
use crate::error::Result;
use wasmparser::{ElementItems, Operator, Parser, Payload};

/// Refuses tables of exceptions, segments for them, and code that does anything with an exception from a global but
/// throw it. `tables` and `globals` are the types in the module.
///
/// # Errors
/// `Unsupported`; `InvalidWasm` if the bytes cannot be read.
pub(super) fn refuse(tables: &[TableType], globals: &[GlobalType], bytes: &[u8]) -> Result<()> {
    if tables.iter().any(|table| table.element == RefType::Exn) {
        return Err(unsupported("tables of exceptions (exnref)".into()));
    }
    let is_exception = |global: &GlobalType| global.value == ValType::Ref(RefType::Exn);
    let in_globals = globals.iter().any(is_exception);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ElementSection(reader) => {
                for element in reader {
                    if let ElementItems::Expressions(ty, _) = element?.items
                        && RefType::from_parsed(ty) == Ok(RefType::Exn)
                    {
                        return Err(unsupported("element segments of exceptions (exnref)".into()));
                    }
                }
            }
            Payload::CodeSectionEntry(body) if in_globals => {
                // The state after an instruction that has pushed an exception from a global.
                let mut taken = Taken::Nothing;
                for operator in body.get_operators_reader()? {
                    let operator = operator?;
                    taken = match (taken, &operator) {
                        (Taken::Nothing, Operator::GlobalGet { global_index })
                            if is_exception(&globals[*global_index as usize]) =>
                        {
                            Taken::Exception
                        }
                        (Taken::Nothing, _) => Taken::Nothing,
                        (Taken::Exception, Operator::ThrowRef | Operator::RefIsNull | Operator::Drop) => Taken::Nothing,
                        // Code may clear the global before it throws.
                        (Taken::Exception, Operator::RefNull { .. }) => Taken::ExceptionAndNull,
                        (Taken::ExceptionAndNull, Operator::GlobalSet { .. }) => Taken::Exception,
                        _ => {
                            let what = "exceptions (exnref) that code takes out of a global, and does not throw";
                            return Err(unsupported(what.into()));
                        }
                    };
                }
            }
            Payload::CodeSectionStart { .. } if !in_globals => break,
            _ => {}
        }
    }
    Ok(())
}

/// The values on top of the stack that came from a global of exceptions.
enum Taken {
    Nothing,
    Exception,
    ExceptionAndNull,
}
