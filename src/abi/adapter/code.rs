//! The code of an adapter's functions while it is made.

use super::super::value_type::ValueType;
use crate::wasm::ValType;
use std::collections::HashMap;
use wasm_encoder::{BlockType, Function, Instruction, MemArg};

/// The instance whose memory a value is in: the caller or the callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The caller; its memory has index 0
    A,
    /// The callee; its memory has index 1
    B,
}

impl Side {
    /// The side to which values go from here.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Index of its memory.
    pub fn memory(self) -> u32 {
        self as u32
    }
}

/// The globals of a transfer module. This one is 1 while a value of the callee has been refused in the running call.
pub const REFUSED: u32 = 0;
/// The size of the callee's memory as far as is known, in bytes: it may have grown since.
pub const KNOWN_SIZE: u32 = 1;
/// A number with a bit 7 of some byte if text with a byte beyond ASCII was copied.
pub const NOT_ASCII: u32 = 2;

/// The functions of an adapter.
#[derive(Default)]
pub struct AdapterFunctions {
    /// The function types, by index
    pub types: Vec<(Vec<ValType>, Vec<ValType>)>,
    /// The functions that allocate, by side
    pub reallocs: [u32; 2],
    /// The defined functions: the type, and the code
    pub defined: Vec<(u32, AdapterCode)>,
    /// The functions that translate elements, by the side that they come from and the structure of an element
    pub elements: HashMap<(Side, String), u32>,
    /// The functions that copy lists, likewise
    pub lists: HashMap<(Side, String), u32>,
    /// The functions that check UTF-8, by the side whose memory they read
    pub utf8: HashMap<Side, u32>,
    /// Whether each side checks what it receives
    pub checks: [bool; 2],
    /// The reaction to a value of the callee that is not valid
    pub refusal: Refusal,
    imported: u32,
}

/// The reaction of a module to an address or a case from the callee that is not valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refusal {
    /// It traps
    #[default]
    Trap,
    /// It notes that in a global, as transfer modules do, whose caller says what is wrong. The transfer memory has so many bytes
    Note(u32),
}

impl AdapterFunctions {
    /// No functions; `checks` is whether each side checks what it receives.
    pub fn new(checks: [bool; 2]) -> Self {
        Self { checks, ..Self::default() }
    }

    /// Whether the adapter checks what this side receives.
    pub fn must_check(&self, side: Side) -> bool {
        !self.checks[side as usize]
    }

    /// Refuses if the number on the stack is not 0. A function that goes on must not use what was refused; with `returned`,
    /// it returns this number instead.
    pub fn refuse_if(&self, code: &mut AdapterCode, returned: Option<u32>) {
        if self.refusal == Refusal::Trap {
            return code.trap_if();
        }
        code.begin_if();
        code.i32(1);
        code.push(Instruction::GlobalSet(REFUSED));
        if let Some(number) = returned {
            code.i32(number);
            code.push(Instruction::Return);
        }
        code.end();
    }

    /// The index of a function type.
    pub fn ty(&mut self, parameters: &[ValType], results: &[ValType]) -> u32 {
        let ty = (parameters.to_vec(), results.to_vec());
        let found = self.types.iter().position(|each| *each == ty);
        found.unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len() - 1
        }) as u32
    }

    /// Counts an import; returns its index. All imports come before the first defined function.
    pub fn import(&mut self) -> u32 {
        self.imported += 1;
        self.imported - 1
    }

    /// The index of a function that is defined later.
    pub fn reserve(&mut self, parameters: &[ValType], results: &[ValType]) -> u32 {
        let ty = self.ty(parameters, results);
        self.defined.push((ty, AdapterCode::new(parameters)));
        self.imported + self.defined.len() as u32 - 1
    }

    /// Gives a reserved function its code.
    pub fn define(&mut self, function: u32, code: AdapterCode) {
        self.defined[(function - self.imported) as usize].1 = code;
    }
}

/// The code of a function.
pub struct AdapterCode {
    parameters: u32,
    locals: Vec<ValType>,
    instructions: Vec<Instruction<'static>>,
}

impl AdapterCode {
    /// The code of a function with these parameters, which are its first locals.
    pub fn new(parameters: &[ValType]) -> Self {
        Self { parameters: parameters.len() as u32, locals: Vec::new(), instructions: Vec::new() }
    }

    /// A new local.
    pub fn local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        self.parameters + self.locals.len() as u32 - 1
    }

    /// Adds an instruction.
    pub fn push(&mut self, instruction: Instruction<'static>) {
        self.instructions.push(instruction);
    }

    /// Pushes a local.
    pub fn get(&mut self, local: u32) {
        self.push(Instruction::LocalGet(local));
    }

    /// Pops into a local.
    pub fn set(&mut self, local: u32) {
        self.push(Instruction::LocalSet(local));
    }

    /// Pushes a constant.
    pub fn i32(&mut self, value: u32) {
        self.push(Instruction::I32Const(value.cast_signed()));
    }

    /// Begins code that runs if the number on the stack is not 0, until `end`.
    pub fn begin_if(&mut self) {
        self.push(Instruction::If(BlockType::Empty));
    }

    /// Ends a block.
    pub fn end(&mut self) {
        self.push(Instruction::End);
    }

    /// Traps if the number on the stack is not 0.
    pub fn trap_if(&mut self) {
        self.begin_if();
        self.push(Instruction::Unreachable);
        self.end();
    }

    /// Pushes the address of new memory in the memory of `side`; `size` pushes its size in bytes.
    pub fn allocate(&mut self, functions: &AdapterFunctions, side: Side, align: u32, size: impl FnOnce(&mut Self)) {
        self.i32(0);
        self.i32(0);
        self.i32(align);
        size(self);
        self.push(Instruction::Call(functions.reallocs[side as usize]));
    }

    /// The code in the encoder's form.
    pub fn finish(self) -> Function {
        let mut function = Function::new_with_locals_types(self.locals.into_iter().map(encoded));
        for instruction in &self.instructions {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        function
    }
}

/// A place in the memory of a side, for an access of `1 << align` bytes that may be at any address.
pub fn place(side: Side, offset: u32) -> MemArg {
    MemArg { offset: offset.into(), align: 0, memory_index: side.memory() }
}

/// A value type in the encoder's form. The flat types are numbers.
pub fn encoded(ty: ValType) -> wasm_encoder::ValType {
    use wasm_encoder::ValType as E;
    match ty {
        ValType::I64 => E::I64,
        ValType::F32 => E::F32,
        ValType::F64 => E::F64,
        _ => E::I32,
    }
}

/// The types of the cases of a type with a discriminant.
pub fn cases(ty: &ValueType) -> Option<Vec<Option<&ValueType>>> {
    use super::super::value_type::TypeKind as K;
    Some(match &ty.kind {
        K::Option { element } => vec![None, Some(element)],
        K::Result { ok, err } => vec![ok.as_deref(), err.as_deref()],
        K::Variant { cases } | K::Enum { cases } => cases.iter().map(|case| case.ty.as_ref()).collect(),
        _ => return None,
    })
}
