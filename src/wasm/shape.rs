//! `Shape`: the properties of a function on which an optimizing compiler's time depends besides its length.

use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Operator, Parser, Payload, Result};

/// A function whose shape costs an optimizing compiler more than `PER_INSTRUCTION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costly {
    /// Its index
    pub function: u32,
    /// The largest term of its cost
    pub reason: Reason,
}

/// A term of the cost of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Values that stay alive over many instructions
    LiveValues,
    /// Locals that are read many blocks after they were set
    DistantReads,
    /// Locals that are set in many nested blocks
    Merges,
    /// The number of blocks
    Blocks,
    /// Floating-point constants in code without side effects
    Constants,
}

impl Reason {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::LiveValues => "live-values",
            Self::DistantReads => "distant-reads",
            Self::Merges => "merges",
            Self::Blocks => "blocks",
            Self::Constants => "constants",
        }
    }
}

/// The most that an instruction may cost on average, so that compile time stays linear. The unit is about 2.5 ns of
/// Cranelift's time. No function in 27 MB of published modules has more than 2,400.
const PER_INSTRUCTION: u64 = 3000;
/// Functions of a lower cost are not worth another compiler: Cranelift compiles each of them in about 20 ms or less.
const LEAST: u64 = 5_000_000;
/// No body of fewer bytes reaches `LEAST`.
const SMALL: usize = 1 << 10;

/// Counts of a function, by one pass over its instructions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    instructions: u64,
    /// Over all instructions, the values of locals that are alive there: the register allocator tries each long live
    /// range against each short one
    live: u64,
    /// Over all reads of locals, the starts and ends of blocks since the value was set or last read: the construction
    /// of SSA asks each of these blocks for the value
    distant: u64,
    /// The part of `distant` for values that loops carry: these are alive in each of the blocks
    carried: u64,
    /// Over all writes of locals, the blocks at whose end the value meets another one: each makes a phi
    merges: u64,
    /// Starts and ends of blocks
    blocks: u64,
    /// The sum, over all runs of instructions without side effects, of the number of floating-point constants times the
    /// number of instructions. Cranelift loads all of them before it uses the first.
    constants: u64,
}

impl Shape {
    fn of(body: &FunctionBody<'_>, parameters: usize) -> Result<Self> {
        let mut scan = Scan { parameters, ..Scan::default() };
        for operator in body.get_operators_reader()? {
            scan.follow(&operator?);
        }
        scan.end_run();
        Ok(Self { instructions: scan.now.time, blocks: scan.now.blocks, ..scan.shape })
    }

    /// The terms of the cost, each weighted by the time that Cranelift takes for it.
    fn terms(&self) -> [(Reason, u64); 5] {
        [
            (Reason::LiveValues, 2 * self.live + 8 * self.carried),
            (Reason::DistantReads, 6 * self.distant),
            (Reason::Merges, 520 * self.merges),
            (Reason::Blocks, self.blocks * self.blocks / 5),
            (Reason::Constants, 4 * self.constants),
        ]
    }

    /// Why the function costs too much; none if it does not.
    fn too_costly(&self) -> Option<Reason> {
        let terms = self.terms();
        let cost: u64 = terms.iter().map(|(_, cost)| cost).sum();
        let over = cost >= LEAST && cost > PER_INSTRUCTION * self.instructions;
        over.then(|| terms.into_iter().max_by_key(|(_, cost)| *cost).map(|(reason, _)| reason)).flatten()
    }
}

/// A point of a function: the number of instructions, and of starts and ends of blocks, before it.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    time: u64,
    blocks: u64,
}

/// A block that has not ended.
struct Open {
    start: Point,
    is_loop: bool,
    /// For a loop, the number of locals whose values are alive in all of it
    through: u64,
}

/// The last accesses to a local.
#[derive(Clone, Copy, Default)]
struct Accesses {
    /// The last read or write
    last: Point,
    /// Time of the last write; 0 for none
    written: u64,
    /// If a block has written it: the last access to its value from before that block, and the number of open blocks
    /// around that block
    before: Option<(Point, usize)>,
    /// Start of the innermost block around the last write
    block: u64,
}

#[derive(Default)]
struct Scan {
    shape: Shape,
    now: Point,
    parameters: usize,
    open: Vec<Open>,
    /// Indices in `open` of the loops
    loops: Vec<usize>,
    locals: Vec<Accesses>,
    /// The current run of instructions without side effects: its first instruction, and its floating-point constants
    run: u64,
    run_constants: u64,
}

impl Scan {
    fn follow(&mut self, operator: &Operator<'_>) {
        self.now.time += 1;
        match operator {
            Operator::LocalGet { local_index } => self.read(*local_index as usize),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.write(*local_index as usize);
            }
            Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::V128Const { .. }
            | Operator::F32ReinterpretI32
            | Operator::F64ReinterpretI64 => self.run_constants += 1,
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. }
            | Operator::Loop { .. } => self.start(matches!(operator, Operator::Loop { .. })),
            Operator::End | Operator::Delegate { .. } => self.end(),
            Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } | Operator::BrTable { .. } => self.boundary(),
            _ if has_effect(operator) => self.end_run(),
            _ => {}
        }
    }

    fn boundary(&mut self) {
        self.now.blocks += 1;
        self.end_run();
    }

    fn end_run(&mut self) {
        self.shape.constants += self.run_constants * (self.now.time - self.run);
        (self.run, self.run_constants) = (self.now.time, 0);
    }

    fn start(&mut self, is_loop: bool) {
        self.boundary();
        if is_loop {
            self.loops.push(self.open.len());
        }
        self.open.push(Open { start: self.now, is_loop, through: 0 });
    }

    fn end(&mut self) {
        self.boundary();
        let Some(Open { start, is_loop, through }) = self.open.pop() else { return };
        if is_loop {
            self.loops.pop();
            self.shape.live += through * (self.now.time - start.time);
            self.shape.distant += through * (self.now.blocks - start.blocks);
            self.shape.carried += through * (self.now.blocks - start.blocks);
        }
    }

    fn local(&mut self, local: usize) -> Accesses {
        if local >= self.locals.len() {
            self.locals.resize(local + 1, Accesses::default());
        }
        self.locals[local]
    }

    fn read(&mut self, local: usize) {
        let mut accesses = self.local(local);
        let mut from = accesses.last;
        // After the block of the last write, the value may be the one from before the block.
        if let Some((before, _)) = accesses.before
            && !self.is_open(accesses.block)
        {
            from = before;
            accesses.before = None;
        }
        // A value from outside of a loop is alive in all of the loop.
        let outside = self.loops.partition_point(|open| self.open[*open].start.time < from.time);
        let to = match self.loops.get(outside) {
            Some(open) => {
                self.open[*open].through += 1;
                self.open[*open].start
            }
            None => self.now,
        };
        // The zeros of the locals that were never set are one value.
        if from.time > 0 || local < self.parameters {
            self.shape.live += to.time - from.time;
        }
        self.shape.distant += to.blocks - from.blocks;
        self.locals[local] = Accesses { last: self.now, ..accesses };
    }

    fn write(&mut self, local: usize) {
        let accesses = self.local(local);
        let around = self.open.partition_point(|open| open.start.time < accesses.written);
        self.shape.merges += (self.open.len() - around) as u64;
        let before = match accesses.before {
            Some((_, outer)) if self.open.len() <= outer => None,
            None if around < self.open.len() => Some((accesses.last, around)),
            before => before,
        };
        let block = self.open.last().map_or(0, |open| open.start.time);
        self.locals[local] = Accesses { last: self.now, written: self.now.time, before, block };
    }

    /// Whether the block that started at this time is open.
    fn is_open(&self, start: u64) -> bool {
        self.open.binary_search_by_key(&start, |open| open.start.time).is_ok()
    }
}

/// Whether Cranelift keeps an instruction in its place, apart from blocks and branches. The list lacks rare
/// instructions: then a run only seems longer.
fn has_effect(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        Unreachable
            | Return
            | Call { .. }
            | CallIndirect { .. }
            | GlobalGet { .. }
            | GlobalSet { .. }
            | I32Load { .. }
            | I64Load { .. }
            | F32Load { .. }
            | F64Load { .. }
            | V128Load { .. }
            | I32Load8S { .. }
            | I32Load8U { .. }
            | I32Load16S { .. }
            | I32Load16U { .. }
            | I64Load32S { .. }
            | I64Load32U { .. }
            | I32Store { .. }
            | I64Store { .. }
            | F32Store { .. }
            | F64Store { .. }
            | V128Store { .. }
            | I32Store8 { .. }
            | I32Store16 { .. }
            | I64Store32 { .. }
    )
}

/// The functions of a valid module that cost an optimizing compiler too much. `parameters` gives the number of parameters
/// of a function, by its index; `imported` is the number of imported functions.
///
/// # Errors
/// `BinaryReaderError` for bytes that are not a module.
pub fn costly_functions(bytes: &[u8], imported: u32, parameters: impl Fn(u32) -> usize) -> Result<Vec<Costly>> {
    let mut costly = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::CodeSectionStart { range, .. } = payload? else { continue };
        let data = &bytes[range.start as usize..range.end as usize];
        let bodies = CodeSectionReader::new(BinaryReader::new(data, range.start))?;
        for (function, body) in (imported..).zip(bodies) {
            let body = body?;
            if body.as_bytes().len() < SMALL {
                continue;
            }
            if let Some(reason) = Shape::of(&body, parameters(function))?.too_costly() {
                costly.push(Costly { function, reason });
            }
        }
    }
    Ok(costly)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(body: &str) -> Shape {
        let bytes = wat::parse_str(format!("(module (func (param i32) (local i32 i32 f64) {body}))")).unwrap();
        let bodies = Parser::new(0).parse_all(&bytes).find_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        Shape::of(&bodies.unwrap(), 1).unwrap()
    }

    const NOPS: &str = "nop nop nop nop nop nop nop nop nop nop";

    #[test]
    fn a_value_is_alive_until_its_last_read() {
        assert_eq!(shape(&format!("{NOPS} (drop (local.get 0))")).live, 11);
        assert_eq!(shape(&format!("(local.set 1 (local.get 0)) {NOPS} (drop (local.get 1))")).live, 1 + 11);
        assert_eq!(shape(&format!("(drop (local.get 0)) {NOPS} (local.set 0 (i32.const 1))")).live, 1);
        assert_eq!(shape(&format!("{NOPS} (drop (local.get 1))")).live, 0, "all zeros are one value");
    }

    #[test]
    fn a_value_from_outside_a_loop_is_alive_in_all_of_it() {
        let loops = |first: &str| shape(&format!("(local.set 1 (i32.const 1)) (loop {first} {NOPS})")).live;
        assert_eq!(loops(""), 0);
        assert_eq!(loops("(drop (local.get 1))"), 1 + 13);
        assert_eq!(loops("(local.set 1 (i32.const 2)) (drop (local.get 1))"), 1, "each round sets it anew");
        let conditional = "(if (local.get 0) (then (local.set 1 (i32.const 2)))) (drop (local.get 1))";
        assert_eq!(loops(conditional), (3 + 18) + (1 + 18), "both locals come from outside");
    }

    #[test]
    fn blocks_between_a_write_and_a_read_count() {
        let blocks = "(block) (block)";
        assert_eq!(shape(&format!("(local.set 1 (i32.const 1)) {blocks} (drop (local.get 1))")).distant, 4);
        assert_eq!(shape(&format!("{blocks} (local.set 1 (i32.const 1)) (drop (local.get 1))")).distant, 0);
        assert_eq!(shape(blocks).blocks, 4 + 1);
    }

    #[test]
    fn a_write_merges_at_the_end_of_each_block_around_it() {
        let write = "(local.set 1 (i32.const 1))";
        assert_eq!(shape(write).merges, 0);
        assert_eq!(shape(&format!("(block (block {write} {write}) {write}) {write}")).merges, 2);
        assert_eq!(shape(&format!("(block (block {write}) (block {write}))")).merges, 3);
    }

    #[test]
    fn constants_count_up_to_the_next_side_effect() {
        let constant = "(drop (f64.const 1.5))";
        assert_eq!(shape(&format!("{constant} {constant} (block)")).constants, 2 * 5);
        assert_eq!(shape(&format!("(block) {constant} (block) {constant} (block)")).constants, 3 + 3);
    }

    #[test]
    fn only_extreme_functions_cost_too_much() {
        let costly = |text: &str| {
            let bytes = wat::parse_str(format!("(module (func) {text})")).unwrap();
            costly_functions(&bytes, 0, |_| 0).unwrap()
        };
        let chain = |count: usize| {
            let steps: String = (1..count)
                .map(|local| format!("(local.set {local} (i32.add (local.get {}) (local.get {local})))", local - 1))
                .collect();
            format!("(func (local {}) (loop {steps} (br_if 0 (local.get 0))))", "i32 ".repeat(count))
        };
        assert_eq!(costly(&chain(1000)), []);
        assert_eq!(costly(&chain(1500)), [Costly { function: 1, reason: Reason::LiveValues }]);
        let sum = |count: usize| format!("(func (result f64) f64.const 0 {})", "f64.const 1.5 f64.add ".repeat(count));
        assert_eq!(costly(&sum(400)), []);
        assert_eq!(costly(&sum(2000)), [Costly { function: 1, reason: Reason::Constants }]);
    }
}
