//! The translation of a function body with legacy exceptions.

use super::outline::{DelegateTarget, Outline, Try};
use super::types::Types;
use crate::rewrite::offsets::{BodyOffsets, ChangedBody};
use crate::rewrite::transform::code::Locals;
use crate::wasm::{FuncType, RefType, ValType};
use wasm_encoder::{BlockType, Catch, Encode, Instruction};
use wasmparser::{FunctionBody, Operator};

const EXNREF: ValType = ValType::Ref(RefType::Exn);

/// The body of a function of type `ty` with the instructions of WebAssembly 3. Other instructions are copied unchanged.
///
/// A `try` with clauses becomes nested blocks. The outermost has the label of the `try`, for branches to it. Each of the
/// others belongs to a clause: a caught exception leaves the block, and the clause follows its end. The innermost contains a
/// `try_table` with the body. A body that is the target of a `delegate` has one more block, the landing, after which the
/// exception is thrown again.
pub(super) fn translate(
    body: &FunctionBody<'_>,
    ty: &FuncType,
    types: &mut Types<'_>,
) -> wasmparser::Result<Option<ChangedBody>> {
    let Some(outline) = Outline::of(body)? else { return Ok(None) };
    let locals = Locals::of(body, ty.parameters.len())?;
    let bytes = body.as_bytes();
    let offset_of = |position: u64| (position - body.range().start) as usize;

    let mut writer = BodyWriter {
        outline,
        types,
        code: Vec::new(),
        depth: 1,
        frames: Vec::new(),
        next: 0,
        landing: None,
        first_local: locals.next,
        most: 0,
    };
    writer.open();
    let mut offsets = BodyOffsets::default();
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let raw = &bytes[offset_of(offset)..offset_of(reader.original_position())];
        let begin = writer.code.len();
        writer.operator(&operator, raw);
        offsets.push(begin, offset_of(offset), writer.code[begin..] == *raw);
    }

    let most = writer.most;
    let mut translated = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    locals.encode(most, wasm_encoder::ValType::EXNREF, &mut translated);
    offsets.shift(translated.len() as i32);
    translated.append(&mut writer.code);
    Ok(Some(ChangedBody { code: translated, offsets }))
}

/// An open construct of the original.
struct OpenBlock {
    /// Its label in the translation, counted from the outermost
    label: u32,
    tried: Option<Tried>,
}

/// A `try` with clauses.
struct Tried {
    index: usize,
    /// Number of its clauses that have begun
    begun: usize,
    /// The local for the caught exception, if a `rethrow` throws it
    local: Option<u32>,
    /// The label of the landing in its body
    landing: Option<u32>,
}

struct BodyWriter<'w, 'b> {
    outline: Outline,
    types: &'w mut Types<'b>,
    code: Vec<u8>,
    /// Number of open labels; the function's own is the first
    depth: u32,
    frames: Vec<OpenBlock>,
    /// Index of the next `try`
    next: usize,
    /// The label of the landing of the whole function
    landing: Option<u32>,
    first_local: u32,
    /// Number of locals that exceptions need
    most: u32,
}

impl BodyWriter<'_, '_> {
    fn write(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.code);
    }

    /// Opens a label, and returns it.
    fn enter(&mut self, instruction: &Instruction<'_>) -> u32 {
        self.write(instruction);
        self.depth += 1;
        self.depth - 1
    }

    fn leave(&mut self) {
        self.write(&Instruction::End);
        self.depth -= 1;
    }

    /// The relative depth of a label of the translation.
    fn relative(&self, label: u32) -> u32 {
        self.depth - 1 - label
    }

    /// The label for a relative depth in the original.
    fn label(&self, depth: u32) -> u32 {
        let outer = self.frames.len().checked_sub(depth as usize + 1);
        outer.map_or(0, |index| self.frames[index].label)
    }

    /// A relative depth of the original, as it is in the translation.
    fn moved(&self, depth: u32) -> u32 {
        self.relative(self.label(depth))
    }

    fn open(&mut self) {
        if self.outline.lands {
            self.landing = Some(self.enter(&Instruction::Block(BlockType::Result(wasm_encoder::ValType::EXNREF))));
        }
    }

    fn operator(&mut self, operator: &Operator<'_>, raw: &[u8]) {
        match *operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.code.extend_from_slice(raw);
                self.frames.push(OpenBlock { label: self.depth, tried: None });
                self.depth += 1;
            }
            Operator::TryTable { ref try_table } => self.try_table(try_table),
            Operator::Try { blockty } => self.open_try(blockty),
            Operator::Catch { .. } | Operator::CatchAll => self.clause(),
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth),
            Operator::Delegate { .. } => {
                self.frames.pop();
                self.leave();
            }
            Operator::End => self.end(),
            Operator::Br { relative_depth } => self.write(&Instruction::Br(self.moved(relative_depth))),
            Operator::BrIf { relative_depth } => self.write(&Instruction::BrIf(self.moved(relative_depth))),
            Operator::BrTable { ref targets } => {
                let labels: Vec<_> = targets.targets().flatten().map(|depth| self.moved(depth)).collect();
                self.write(&Instruction::BrTable(labels.into(), self.moved(targets.default())));
            }
            _ => self.code.extend_from_slice(raw),
        }
    }

    fn try_table(&mut self, try_table: &wasmparser::TryTable) {
        let catches = try_table.catches.iter().map(|catch| match *catch {
            wasmparser::Catch::One { tag, label } => Catch::One { tag, label: self.moved(label) },
            wasmparser::Catch::OneRef { tag, label } => Catch::OneRef { tag, label: self.moved(label) },
            wasmparser::Catch::All { label } => Catch::All { label: self.moved(label) },
            wasmparser::Catch::AllRef { label } => Catch::AllRef { label: self.moved(label) },
        });
        let catches: Vec<_> = catches.collect();
        let FuncType { parameters, results } = self.types.of(try_table.ty);
        let ty = self.types.block(&parameters, results.into_vec());
        let label = self.enter(&Instruction::TryTable(ty, catches.into()));
        self.frames.push(OpenBlock { label, tried: None });
    }

    fn open_try(&mut self, block: wasmparser::BlockType) {
        let index = self.next;
        self.next += 1;
        let FuncType { parameters, results } = self.types.of(block);
        let whole = self.types.block(&parameters, results.to_vec());
        let Try { ref clauses, rethrown, delegates, lands } = self.outline.tries[index];
        if clauses.is_empty() {
            let label = match delegates.map(|target| self.landing_of(target)) {
                Some(landing) => {
                    let catch = Catch::AllRef { label: self.relative(landing) };
                    self.enter(&Instruction::TryTable(whole, [catch].as_slice().into()))
                }
                None => self.enter(&Instruction::Block(whole)),
            };
            self.frames.push(OpenBlock { label, tried: None });
            return;
        }
        let clauses = clauses.clone();
        let local = rethrown.then(|| self.reserve());
        let label = self.enter(&Instruction::Block(whole));
        let mut caught = Vec::with_capacity(clauses.len());
        for tag in clauses.iter().rev() {
            let mut values = tag.map_or(Vec::new(), |tag| self.types.payload(tag).to_vec());
            values.extend(rethrown.then_some(EXNREF));
            let ty = self.types.block(&parameters, values);
            caught.push((*tag, self.enter(&Instruction::Block(ty))));
        }
        let catches = caught.iter().rev().map(|(tag, label)| {
            let label = self.relative(*label);
            match (*tag, rethrown) {
                (Some(tag), true) => Catch::OneRef { tag, label },
                (Some(tag), false) => Catch::One { tag, label },
                (None, true) => Catch::AllRef { label },
                (None, false) => Catch::All { label },
            }
        });
        let catches: Vec<_> = catches.collect();
        self.enter(&Instruction::TryTable(whole, catches.into()));
        let landing = lands.then(|| {
            self.enter(&Instruction::Block(whole));
            let ty = self.types.block(&parameters, vec![EXNREF]);
            self.enter(&Instruction::Block(ty))
        });
        self.frames.push(OpenBlock { label, tried: Some(Tried { index, begun: 0, local, landing }) });
    }

    fn landing_of(&self, target: DelegateTarget) -> u32 {
        let landing = match target {
            DelegateTarget::Caller => self.landing,
            DelegateTarget::Try(index) => {
                let mut tried = self.frames.iter().filter_map(|frame| frame.tried.as_ref());
                tried.find(|tried| tried.index == index).and_then(|tried| tried.landing)
            }
        };
        landing.expect("the outline has seen every `delegate`")
    }

    /// A local for an exception that no enclosing `try` uses.
    fn reserve(&mut self) -> u32 {
        let used = self.frames.iter().filter(|frame| frame.tried.as_ref().is_some_and(|tried| tried.local.is_some()));
        let used = used.count() as u32;
        self.most = self.most.max(used + 1);
        self.first_local + used
    }

    /// Ends the body or the previous clause, and begins the next clause.
    fn clause(&mut self) {
        let Some(OpenBlock { label, tried: Some(mut tried) }) = self.frames.pop() else { return };
        if tried.begun == 0 {
            if tried.landing.is_some() {
                self.write(&Instruction::Br(1));
                self.leave();
                self.write(&Instruction::ThrowRef);
                self.leave();
            }
            self.leave();
        }
        self.write(&Instruction::Br(self.relative(label)));
        self.leave();
        if let Some(local) = tried.local {
            self.write(&Instruction::LocalSet(local));
        }
        tried.begun += 1;
        self.frames.push(OpenBlock { label, tried: Some(tried) });
    }

    fn rethrow(&mut self, depth: u32) {
        let frame = self.frames.iter().rev().nth(depth as usize);
        let local = frame.and_then(|frame| frame.tried.as_ref()?.local).expect("the outline has seen every `rethrow`");
        self.write(&Instruction::LocalGet(local));
        self.write(&Instruction::ThrowRef);
    }

    fn end(&mut self) {
        if self.frames.pop().is_some() {
            return self.leave();
        }
        if self.landing.is_some() {
            self.write(&Instruction::Return);
            self.leave();
            self.write(&Instruction::ThrowRef);
        }
        self.leave();
    }
}
