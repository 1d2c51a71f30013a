//! The tail calls of a module: where they are, and which of them need the driver loop.

use crate::wasm::{Binary, FuncType, RefType, ValType};
use std::collections::BTreeSet;
use wasmparser::{FunctionBody, Operator};

/// What a tail call calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Callee {
    /// The function with this index
    Function(u32),
    /// An entry of a table
    Entry { ty: u32, table: u32 },
}

/// A tail call, other than one of a function to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TailCall {
    pub callee: Callee,
    /// Whether it is inside a `try_table`, which it leaves
    pub leaves_try: bool,
}

impl TailCall {
    /// Index of the callee's type.
    pub fn type_index(self, binary: &Binary) -> u32 {
        match self.callee {
            Callee::Function(function) => binary.functions[function as usize],
            Callee::Entry { ty, .. } => ty,
        }
    }

    /// The callee's type.
    pub fn ty(self, binary: &Binary) -> &FuncType {
        &binary.types[self.type_index(binary) as usize]
    }

    /// Whether globals can hold the arguments. They cannot hold exceptions: the engine assumes a wrong size for these.
    pub fn can_wait(self, binary: &Binary) -> bool {
        !self.ty(binary).parameters.contains(&ValType::Ref(RefType::Exn))
    }
}

/// The open blocks at an instruction.
#[derive(Default)]
pub(super) struct Nesting {
    /// For each open block, whether it is a `try_table`
    open: Vec<bool>,
    tries: usize,
}

impl Nesting {
    /// Number of open blocks: the relative depth of the function's own label.
    pub fn depth(&self) -> u32 {
        self.open.len() as u32
    }

    pub fn is_in_try(&self) -> bool {
        self.tries > 0
    }

    /// Follows an instruction.
    pub fn follow(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.open.push(false),
            Operator::TryTable { .. } => {
                self.open.push(true);
                self.tries += 1;
            }
            Operator::End => self.tries -= usize::from(self.open.pop() == Some(true)),
            _ => {}
        }
    }
}

/// The tail calls of a function to others, and whether it has any to itself.
pub(super) fn tail_calls(function: u32, body: &FunctionBody<'_>) -> wasmparser::Result<(Vec<TailCall>, bool)> {
    let (mut calls, mut calls_itself, mut nesting) = (Vec::new(), false, Nesting::default());
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        nesting.follow(&operator);
        let callee = match operator {
            Operator::ReturnCall { function_index } if function_index == function => {
                calls_itself = true;
                continue;
            }
            Operator::ReturnCall { function_index } => Callee::Function(function_index),
            Operator::ReturnCallIndirect { type_index, table_index } => {
                Callee::Entry { ty: type_index, table: table_index }
            }
            _ => continue,
        };
        calls.push(TailCall { callee, leaves_try: nesting.is_in_try() });
    }
    Ok((calls, calls_itself))
}

/// The functions that must leave their tail calls to a driver loop. A function whose tail calls only lead to functions outside
/// this set calls these as usual and returns: such a chain is no longer than the module's code. `calls` has the tail
/// calls of each function that the module defines.
pub(super) fn leaving(calls: &[Vec<TailCall>], binary: &Binary) -> BTreeSet<u32> {
    let first = binary.imported_functions;
    let mut leaving: BTreeSet<u32> =
        (first..).zip(calls).filter(|(_, calls)| !calls.is_empty()).map(|(f, _)| f).collect();
    loop {
        let stays = |function: &u32| {
            calls[(*function - first) as usize].iter().all(|call| {
                let ends =
                    matches!(call.callee, Callee::Function(callee) if callee >= first && !leaving.contains(&callee));
                !call.can_wait(binary) || (ends && !call.leaves_try)
            })
        };
        let done: Vec<u32> = leaving.iter().copied().filter(stays).collect();
        if done.is_empty() {
            return leaving;
        }
        leaving.retain(|function| !done.contains(function));
    }
}
