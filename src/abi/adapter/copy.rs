//! Copies of bytes from one memory to the other.

use super::code::{AdapterCode, NOT_ASCII, Side, place};
use crate::wasm::ValType;
use wasm_encoder::{BlockType, Instruction};

/// Size up to which loads and stores in a loop take less time than `memory.copy`, in bytes.
const MOST_BY_WORDS: u32 = 96;

/// A copy of bytes from the memory of a side to the other.
pub struct Copying {
    from: Side,
    /// The locals with the addresses
    source: u32,
    target: u32,
    /// For text, the local that collects the bits of all bytes
    bits: Option<u32>,
    word: u32,
    /// The locals with the addresses of the next bytes, and the number of those that are left
    at: u32,
    to: u32,
    left: u32,
}

impl Copying {
    /// Adds the code of a copy of `count` bytes. These are locals. With `text`, it notes in a global whether a byte is not ASCII.
    pub fn add(code: &mut AdapterCode, from: Side, [source, target, count]: [u32; 3], text: bool) {
        let [at, to, left] = [(); 3].map(|()| code.local(ValType::I32));
        let word = code.local(ValType::I64);
        let bits = text.then(|| code.local(ValType::I64));
        for (local, value) in [(at, source), (to, target), (left, count)] {
            code.get(value);
            code.set(local);
        }
        let copying = Self { from, source, target, bits, word, at, to, left };
        code.push(Instruction::Block(BlockType::Empty));
        if text {
            copying.words(code, 4);
        } else {
            copying.many(code);
        }
        copying.words(code, 1);
        for size in [4, 2, 1] {
            code.get(left);
            code.i32(size);
            code.push(Instruction::I32And);
            code.begin_if();
            copying.word(code, size, 0);
            if size > 1 {
                copying.step(code, size);
            }
            code.end();
        }
        if let Some(bits) = bits {
            code.get(bits);
            code.push(Instruction::GlobalGet(NOT_ASCII));
            code.push(Instruction::I64Or);
            code.push(Instruction::GlobalSet(NOT_ASCII));
        }
        code.end();
    }

    /// Copies many bytes at once, and leaves the block.
    fn many(&self, code: &mut AdapterCode) {
        code.get(self.left);
        code.i32(MOST_BY_WORDS);
        code.push(Instruction::I32GtU);
        code.begin_if();
        code.get(self.target);
        code.get(self.source);
        code.get(self.left);
        let (dst_mem, src_mem) = (self.from.other().memory(), self.from.memory());
        code.push(Instruction::MemoryCopy { dst_mem, src_mem });
        code.push(Instruction::Br(1));
        code.end();
    }

    /// Copies words of eight bytes, `count` in a turn of the loop, while so many are left.
    fn words(&self, code: &mut AdapterCode, count: u32) {
        code.push(Instruction::Loop(BlockType::Empty));
        code.get(self.left);
        code.i32(8 * count);
        code.push(Instruction::I32GeU);
        code.begin_if();
        for index in 0..count {
            self.word(code, 8, 8 * index);
        }
        self.step(code, 8 * count);
        code.get(self.left);
        code.i32(8 * count);
        code.push(Instruction::I32Sub);
        code.set(self.left);
        code.push(Instruction::Br(1));
        code.end();
        code.end();
    }

    /// Copies a number of `size` bytes.
    fn word(&self, code: &mut AdapterCode, size: u32, offset: u32) {
        let (from, to) = (place(self.from, offset), place(self.from.other(), offset));
        let (load, store) = match size {
            8 => (Instruction::I64Load(from), Instruction::I64Store(to)),
            4 => (Instruction::I64Load32U(from), Instruction::I64Store32(to)),
            2 => (Instruction::I64Load16U(from), Instruction::I64Store16(to)),
            _ => (Instruction::I64Load8U(from), Instruction::I64Store8(to)),
        };
        code.get(self.to);
        code.get(self.at);
        code.push(load);
        if let Some(bits) = self.bits {
            code.push(Instruction::LocalTee(self.word));
            code.get(bits);
            code.get(self.word);
            code.push(Instruction::I64Or);
            code.set(bits);
        }
        code.push(store);
    }

    fn step(&self, code: &mut AdapterCode, size: u32) {
        for local in [self.at, self.to] {
            code.get(local);
            code.i32(size);
            code.push(Instruction::I32Add);
            code.set(local);
        }
    }
}
