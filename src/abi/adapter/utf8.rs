//! The check of text that crosses, for a side that does not check it itself.

use super::code::{AdapterCode, AdapterFunctions, Side, place};
use crate::wasm::ValType;
use wasm_encoder::{BlockType, Instruction};

/// The bits that no ASCII character has, of eight.
const NOT_ASCII: i64 = 0x8080_8080_8080_8080_u64.cast_signed();

/// The function that traps unless the bytes at an address, of a number of bytes, are UTF-8 in the memory of `side`.
pub fn checking(functions: &mut AdapterFunctions, side: Side) -> u32 {
    if let Some(known) = functions.utf8.get(&side) {
        return *known;
    }
    let function = functions.reserve(&[ValType::I32; 2], &[]);
    functions.utf8.insert(side, function);
    let code = Checking::new(side).finish();
    functions.define(function, code);
    function
}

/// The code of that function, while it is made. The parameters are the next address, and the number of bytes from there.
struct Checking {
    code: AdapterCode,
    side: Side,
    /// The byte at the address, and the least and most of the byte after it
    byte: u32,
    least: u32,
    most: u32,
    /// Number of bytes of the character after the first
    more: u32,
}

const AT: u32 = 0;
const LEFT: u32 = 1;

impl Checking {
    fn new(side: Side) -> Self {
        let mut code = AdapterCode::new(&[ValType::I32; 2]);
        let [byte, least, most, more] = [(); 4].map(|()| code.local(ValType::I32));
        Self { code, side, byte, least, most, more }
    }

    fn finish(mut self) -> AdapterCode {
        self.code.push(Instruction::Loop(BlockType::Empty));
        self.skip_ascii();
        self.code.get(LEFT);
        self.code.begin_if();
        self.load();
        self.code.get(self.byte);
        self.code.i32(0x80);
        self.code.push(Instruction::I32GeU);
        self.code.begin_if();
        self.first();
        self.rest();
        self.code.end();
        self.step(1);
        self.code.push(Instruction::Br(1));
        self.code.end();
        self.code.end();
        self.code
    }

    /// Skips eight ASCII characters at once, and begins the loop anew.
    fn skip_ascii(&mut self) {
        self.code.get(LEFT);
        self.code.i32(8);
        self.code.push(Instruction::I32GeU);
        self.code.begin_if();
        self.code.get(AT);
        self.code.push(Instruction::I64Load(place(self.side, 0)));
        self.code.push(Instruction::I64Const(NOT_ASCII));
        self.code.push(Instruction::I64And);
        self.code.push(Instruction::I64Eqz);
        self.code.begin_if();
        self.step(8);
        self.code.push(Instruction::Br(2));
        self.code.end();
        self.code.end();
    }

    /// The first byte of a character decides how many follow, and the range of the next one.
    fn first(&mut self) {
        // From, to: bytes that follow, range of the next byte. Without overlong forms, surrogates, and numbers beyond 0x10ffff.
        const KINDS: [(u32, u32, u32, u32, u32); 8] = [
            (0xc2, 0xdf, 1, 0x80, 0xbf),
            (0xe0, 0xe0, 2, 0xa0, 0xbf),
            (0xe1, 0xec, 2, 0x80, 0xbf),
            (0xed, 0xed, 2, 0x80, 0x9f),
            (0xee, 0xef, 2, 0x80, 0xbf),
            (0xf0, 0xf0, 3, 0x90, 0xbf),
            (0xf1, 0xf3, 3, 0x80, 0xbf),
            (0xf4, 0xf4, 3, 0x80, 0x8f),
        ];
        self.code.i32(0);
        self.code.set(self.more);
        for (from, to, more, least, most) in KINDS {
            self.code.get(self.byte);
            self.code.i32(from);
            self.code.push(Instruction::I32Sub);
            self.code.i32(to - from);
            self.code.push(Instruction::I32LeU);
            self.code.begin_if();
            for (local, value) in [(self.more, more), (self.least, least), (self.most, most)] {
                self.code.i32(value);
                self.code.set(local);
            }
            self.code.end();
        }
        self.code.get(self.more);
        self.code.push(Instruction::I32Eqz);
        self.code.trap_if();
        self.code.get(self.more);
        self.code.get(LEFT);
        self.code.push(Instruction::I32GeU);
        self.code.trap_if();
    }

    /// The bytes after the first. Leaves the address at the last one.
    fn rest(&mut self) {
        self.code.push(Instruction::Loop(BlockType::Empty));
        self.step(1);
        self.load();
        self.code.get(self.byte);
        self.code.get(self.least);
        self.code.push(Instruction::I32Sub);
        self.code.get(self.most);
        self.code.get(self.least);
        self.code.push(Instruction::I32Sub);
        self.code.push(Instruction::I32GtU);
        self.code.trap_if();
        for (local, value) in [(self.least, 0x80), (self.most, 0xbf)] {
            self.code.i32(value);
            self.code.set(local);
        }
        self.code.get(self.more);
        self.code.i32(1);
        self.code.push(Instruction::I32Sub);
        self.code.push(Instruction::LocalTee(self.more));
        self.code.push(Instruction::BrIf(0));
        self.code.end();
    }

    fn load(&mut self) {
        self.code.get(AT);
        self.code.push(Instruction::I32Load8U(place(self.side, 0)));
        self.code.set(self.byte);
    }

    fn step(&mut self, count: u32) {
        for (local, step) in [(AT, count), (LEFT, count.wrapping_neg())] {
            self.code.get(local);
            self.code.i32(step);
            self.code.push(Instruction::I32Add);
            self.code.set(local);
        }
    }
}
