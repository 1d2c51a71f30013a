//! Maps addresses of machine code to functions, offsets and traps of a module, for stack traces. Traces are rare, so
//! the packed map stays in the image, and a trace decodes it function by function.

use crate::engine::trace::function_names::FunctionNames;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use wasmer::sys::vm::Trap;
use wasmer_compiler::types::function::CompiledFunctionFrameInfo;
use wasmer_types::TrapCode;

/// The offset that compilers give instructions of their own, as in a prologue.
const UNKNOWN: u32 = u32::MAX;

/// The map of one function. It lists only instructions at which a frame or a trap can be, if `pack` had the module.
#[derive(Serialize, Deserialize)]
struct FunctionTrace {
    /// Length of its machine code in bytes
    length: u32,
    /// Offset of the function in the author's module, in bytes
    begin: u32,
    /// Instructions, in the order of the machine code
    instructions: Vec<Instruction>,
    /// Traps: distance from the trap before, in bytes of machine code, and trap code
    traps: Vec<(u32, TrapCode)>,
}

/// An instruction, relative to the listed one before it.
#[derive(Serialize, Deserialize)]
struct Instruction {
    /// Distance between the starts of their machine code, in bytes
    gap: u32,
    /// Length of its machine code in bytes
    length: u32,
    /// Distance between the two in the author's module, in bytes
    distance: i32,
}

/// Packs the compiler's frame information. `functions` are pairs of the length of a function's machine code in bytes
/// and its information.
///
/// Compilers map every instruction to machine code. `thin` is the module: given it, `pack` drops instructions at which
/// neither a frame nor a trap can be. That needs a compiler that lists all its traps. `offset` gives the offset to show for
/// an offset in that module, in the function with this index.
pub(in crate::engine) fn pack<'a>(
    functions: impl ExactSizeIterator<Item = (usize, &'a CompiledFunctionFrameInfo)>,
    thin: Option<&[u8]>,
    offset: impl Fn(usize, u32) -> u32,
) -> Vec<u8> {
    let mut starts = Vec::with_capacity(functions.len());
    let mut packed = Vec::new();
    for (index, (length, info)) in functions.enumerate() {
        starts.push(packed.len() as u32);
        let function = FunctionTrace::new(length, info, thin, |at| offset(index, at));
        packed = postcard::to_extend(&function, packed).expect("numbers can be written into memory");
    }
    starts.iter().flat_map(|start| start.to_le_bytes()).chain(packed).collect()
}

impl FunctionTrace {
    fn new(length: usize, info: &CompiledFunctionFrameInfo, thin: Option<&[u8]>, shown: impl Fn(u32) -> u32) -> Self {
        let begin = shown(info.address_map.start_srcloc.bits());
        let mut all: Vec<_> = info.address_map.instructions.iter().collect();
        all.sort_by_key(|instruction| instruction.code_offset);
        let mut traps: Vec<_> = info.traps.iter().map(|trap| (trap.code_offset, trap.trap_code)).collect();
        traps.sort_by_key(|(offset, _)| *offset);
        if let Some(module) = thin {
            let mut offsets = traps.iter().map(|(offset, _)| *offset as usize).peekable();
            all.retain(|instruction| {
                while offsets.next_if(|offset| *offset < instruction.code_offset).is_some() {}
                let end = instruction.code_offset + instruction.code_len;
                offsets.peek().is_some_and(|offset| *offset < end) || !is_plain(module, instruction.srcloc.bits())
            });
        }
        let (mut offset, mut location) = (0, begin);
        let instructions = all.iter().map(|instruction| {
            let gap = instruction.code_offset as u32 - std::mem::replace(&mut offset, instruction.code_offset as u32);
            let before = std::mem::replace(&mut location, shown(instruction.srcloc.bits()));
            Instruction { gap, length: instruction.code_len as u32, distance: location.wrapping_sub(before) as i32 }
        });
        let instructions = instructions.collect();
        let mut offset = 0;
        let traps = traps.iter().map(|(at, code)| (at - std::mem::replace(&mut offset, *at), *code)).collect();
        Self { length: length as u32, begin, instructions, traps }
    }

    /// Offset in the module of the instruction whose machine code is at `position`; the function's own offset if there
    /// is none, or if the compiler has no offset for it.
    fn location(&self, position: u32) -> u32 {
        let (mut offset, mut location) = (0, self.begin);
        for instruction in &self.instructions {
            offset += instruction.gap;
            if position < offset {
                break;
            }
            location = location.wrapping_add_signed(instruction.distance);
            if position < offset + instruction.length {
                return if location == UNKNOWN { self.begin } else { location };
            }
        }
        self.begin
    }

    /// The trap of the machine code at `position`.
    fn trap(&self, position: u32) -> Option<TrapCode> {
        let mut offset = 0;
        let mut traps = self.traps.iter().map(|(gap, code)| {
            offset += gap;
            (offset, *code)
        });
        traps.find(|(offset, _)| *offset == position).map(|(_, code)| code)
    }
}

/// Whether the instruction at `offset` in the module calls neither a function nor the engine, so that no frame can be
/// there. False for unknown instructions.
fn is_plain(module: &[u8], offset: u32) -> bool {
    module.get(offset as usize).is_some_and(|opcode| {
        matches!(
            opcode,
            0x00..=0x05 | 0x0b..=0x0f   // blocks and branches
            | 0x1a..=0x1c               // drop, select
            | 0x20..=0x24               // locals, globals
            | 0x28..=0x3e               // loads and stores
            | 0x41..=0xc4               // numbers
            | 0xfd                      // vectors
        )
    })
}

/// The map of a loaded module.
struct Frames {
    packed: OwnedBuffer,
    /// Addresses of its functions, ascending
    functions: Box<[usize]>,
    /// Address after the last function
    end: usize,
    /// Index of the first function: the number of imported functions
    first: u32,
    names: Arc<FunctionNames>,
}

/// Loaded modules, by the address of the first function.
static LIVE: RwLock<BTreeMap<usize, Arc<Frames>>> = RwLock::new(BTreeMap::new());

/// Keeps a module in `LIVE` until it drops.
pub(in crate::engine) struct Registration(Option<usize>);

impl Registration {
    /// `packed` comes from `pack`, for functions at these ascending addresses, which follow `first` imported functions.
    pub fn new(packed: OwnedBuffer, functions: Box<[usize]>, first: u32, names: Arc<FunctionNames>) -> Self {
        let begin = functions.first().copied();
        if let Some(begin) = begin {
            let frames = Arc::new(Frames::new(packed, functions, first, names));
            LIVE.write().unwrap_or_else(PoisonError::into_inner).insert(begin, frames);
        }
        Self(begin)
    }

    /// The address of its first function, and the number of bytes to the end of its last one.
    pub fn range(&self) -> (usize, usize) {
        let live = LIVE.read().unwrap_or_else(PoisonError::into_inner);
        let frames = self.0.and_then(|begin| live.get(&begin));
        self.0.zip(frames).map_or((0, 0), |(begin, frames)| (begin, frames.end - begin))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(begin) = self.0 {
            LIVE.write().unwrap_or_else(PoisonError::into_inner).remove(&begin);
        }
    }
}

impl Frames {
    fn new(packed: OwnedBuffer, functions: Box<[usize]>, first: u32, names: Arc<FunctionNames>) -> Self {
        let last = functions.last().copied().unwrap_or_default();
        let mut frames = Self { packed, functions, end: last, first, names };
        frames.end += frames.function(last).map_or(0, |(_, function, _)| function.length as usize);
        frames
    }

    /// The module that may have code at `address`: the last one that begins there or before.
    fn of(address: usize) -> Option<Arc<Self>> {
        let live = LIVE.read().unwrap_or_else(PoisonError::into_inner);
        live.range(..=address).next_back().map(|(_, frames)| frames.clone())
    }

    /// The function at `address`: its index among the module's own functions, its map, and the offset in its code.
    fn function(&self, address: usize) -> Option<(usize, FunctionTrace, u32)> {
        let index = self.functions.partition_point(|begin| *begin <= address).checked_sub(1)?;
        let position = u32::try_from(address - self.functions[index]).ok()?;
        let (starts, packed) = self.packed.split_at_checked(self.functions.len() * size_of::<u32>())?;
        let begin = *starts.as_chunks().0.get(index)?;
        let function: FunctionTrace = postcard::from_bytes(packed.get(u32::from_le_bytes(begin) as usize..)?).ok()?;
        (position < function.length).then_some((index, function, position))
    }
}

/// The function and offset of a frame.
#[derive(Clone)]
pub struct CodeLocation {
    /// The names of the module's functions
    pub names: Arc<FunctionNames>,
    /// Index of the function in the compiled module, after the load-time pass
    pub index: u32,
    /// Offset in the bytes of the author's module; for an added function, in those of the compiled one
    pub offset: u32,
}

impl CodeLocation {
    /// The location of the code at `address`; none if no module has code there.
    fn of(address: usize) -> Option<Self> {
        let frames = Frames::of(address)?;
        let (index, function, position) = frames.function(address)?;
        let index = frames.first + index as u32;
        Some(Self { names: frames.names.clone(), index, offset: function.location(position) })
    }
}

/// The stack at a trap.
#[derive(Debug)]
pub struct CapturedStack {
    /// Address of the instruction that trapped; 0 if no instruction did
    trapped: usize,
    /// Return address of each frame, the innermost first
    addresses: Vec<usize>,
}

impl CapturedStack {
    /// Locations of the wasm frames, the innermost first, each looked up when the iterator reaches it.
    pub fn locations(&self) -> impl Iterator<Item = CodeLocation> {
        // Recursive functions return to the same few addresses.
        let mut known: FxHashMap<usize, Option<CodeLocation>> = FxHashMap::default();
        self.addresses.iter().filter_map(move |address| {
            // A return address is after the call, which may be the end of the function.
            let address = if *address == self.trapped { *address } else { address.checked_sub(1)? };
            known.entry(address).or_insert_with(|| CodeLocation::of(address)).clone()
        })
    }
}

impl CapturedStack {
    /// The stack of the running thread. `interrupted` is the address of the instruction at which a signal interrupted
    /// wasm, 0 for none.
    pub fn here(interrupted: usize) -> Self {
        let (_, stack) = trace(&Trap::lib(TrapCode::HostInterrupt));
        Self { trapped: interrupted, ..stack }
    }
}

/// The addresses of the functions of the module that has code at `address`; none if no module has.
pub fn module_code(address: usize) -> Option<Range<usize>> {
    let live = LIVE.read().unwrap_or_else(PoisonError::into_inner);
    let (begin, frames) = live.range(..=address).next_back()?;
    (address < frames.end).then(|| *begin..frames.end)
}

/// The machine code of the function at `address`; none if no module has code there.
pub fn function_code(address: usize) -> Option<Range<usize>> {
    let frames = Frames::of(address)?;
    let (index, function, _) = frames.function(address)?;
    let begin = frames.functions[index];
    Some(begin..begin + function.length as usize)
}

/// The code of the trap that the compiler lists for the instruction at an address of machine code.
pub fn trap_at(pc: usize) -> Option<TrapCode> {
    let frames = Frames::of(pc)?;
    let (_, function, position) = frames.function(pc)?;
    function.trap(position)
}

/// The code of a trap, if it has one, and its stack.
pub fn trace(trap: &Trap) -> (Option<TrapCode>, CapturedStack) {
    let (code, trapped, backtrace) = match trap {
        Trap::User(_) => return (None, CapturedStack { trapped: 0, addresses: Vec::new() }),
        Trap::Wasm { pc, backtrace, signal_trap } => {
            let listed = trap_at(*pc);
            // Any instruction may hit the guard of the stack, also one with a listed trap, so overflow comes first. A
            // trap that neither the compiler nor the signal names is a stack overflow too.
            let overflow = signal_trap.filter(|code| *code == TrapCode::StackOverflow);
            (overflow.or(listed).or(*signal_trap).or(Some(TrapCode::StackOverflow)), *pc, backtrace)
        }
        Trap::Lib { trap_code, backtrace } => (Some(*trap_code), 0, backtrace),
        Trap::OOM { backtrace } => (None, 0, backtrace),
        Trap::UncaughtException { backtrace, .. } => (Some(TrapCode::UncaughtException), 0, backtrace),
    };
    (code, CapturedStack { trapped, addresses: backtrace.frames().iter().map(|frame| frame.ip().addr()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_compiler::types::address_map::{FunctionAddressMap, InstructionAddressMap};
    use wasmer_types::{SourceLoc, TrapInformation};

    /// A compiler's frame information of a function: its traps, and offset and code length of each instruction.
    fn info(lengths: &[(u32, usize)], traps: &[u32]) -> CompiledFunctionFrameInfo {
        let instructions = lengths.iter().scan(0, |code_offset, (at, code_len)| {
            let srcloc = SourceLoc::new(*at);
            let instruction = InstructionAddressMap { srcloc, code_offset: *code_offset, code_len: *code_len };
            *code_offset += code_len;
            Some(instruction)
        });
        let start_srcloc = SourceLoc::new(7);
        let address_map =
            FunctionAddressMap { instructions: instructions.collect(), start_srcloc, ..FunctionAddressMap::default() };
        let trap = |code_offset: &u32| TrapInformation {
            code_offset: *code_offset,
            trap_code: TrapCode::HeapAccessOutOfBounds,
        };
        CompiledFunctionFrameInfo { traps: traps.iter().map(trap).collect(), address_map }
    }

    /// The instructions that thinning keeps, as offsets in `code`.
    fn kept(code: &[u8], lengths: &[(u32, usize)], traps: &[u32]) -> Vec<u32> {
        let function = FunctionTrace::new(100, &info(lengths, traps), Some(code), |offset| offset);
        let locations = function.instructions.iter().scan(function.begin, |location, instruction| {
            *location = location.wrapping_add_signed(instruction.distance);
            Some(*location)
        });
        locations.collect()
    }

    #[test]
    fn thinning_keeps_traps_and_calls() {
        // local.get, i32.load, i32.load, call, memory.grow, end
        let code = [0x20, 0, 0x28, 2, 0, 0x28, 2, 0, 0x10, 1, 0x40, 0, 0x0b];
        let all = [(0, 4), (2, 5), (5, 5), (8, 6), (10, 7), (12, 3)];
        assert_eq!(kept(&code, &all, &[]), [8, 10]);
        assert_eq!(kept(&code, &all, &[4, 13]), [2, 5, 8, 10], "the first and the last byte");
        assert_eq!(kept(&code, &all, &[0, 1, 29]), [0, 8, 10, 12]);
    }

    #[test]
    fn thinning_keeps_unknown_instructions() {
        assert_eq!(kept(&[0x20, 0, 0x0b], &[(0, 1), (70, 2), (u32::MAX - 200, 3)], &[]), [70, u32::MAX - 200]);
        assert_eq!(kept(&[0xfc, 0, 0xfe, 0, 0xff], &[(0, 1), (2, 1), (4, 1)], &[]), [0, 2, 4]);
    }

    #[test]
    fn machine_code_maps_to_the_module() {
        let infos = [info(&[(20, 4), (30, 5), (25, 6)], &[3, 8]), info(&[(40, 8)], &[])];
        let packed = pack([15, 8].into_iter().zip(&infos), None, |_, offset| offset);
        let begins = [0x1000, 0x1010];
        let names = FunctionNames::new(None, crate::rewrite::Origins::default());
        let frames = Frames::new(OwnedBuffer::from_bytes(packed), Box::new(begins), 0, names);
        assert_eq!(frames.end, 0x1018);
        let location = |address| frames.function(address).map(|(index, function, at)| (index, function.location(at)));
        let trap = |address| frames.function(address).and_then(|(_, function, at)| function.trap(at));
        assert_eq!([0x1000, 0x1003, 0x1004, 0x100e].map(location), [20, 20, 30, 25].map(|at| Some((0, at))));
        assert_eq!([0xfff, 0x100f, 0x1018].map(location), [None; 3], "before, between and after functions");
        assert_eq!([0x1010, 0x1017].map(location), [Some((1, 40)); 2]);
        let out_of_bounds = Some(TrapCode::HeapAccessOutOfBounds);
        assert_eq!([0x1003, 0x1008, 0x1007, 0x1013].map(trap), [out_of_bounds, out_of_bounds, None, None]);
    }

    #[test]
    fn uncovered_code_has_the_location_of_its_function() {
        // local.get, call, local.get
        let function =
            FunctionTrace::new(10, &info(&[(0, 4), (1, 4), (3, 2)], &[]), Some(&[0x20, 0x10, 0, 0x20]), |offset| {
                offset
            });
        assert_eq!([0, 3, 4, 7, 8, 9].map(|at| function.location(at)), [7, 7, 1, 1, 7, 7]);
    }
}
