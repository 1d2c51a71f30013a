//! A compiler that says of its code what is needed, and no more: the disk cache keeps it, and each load seals, maps and
//! links it.
//!
//! Cranelift notes for every instruction which machine code it became, a third of a compiled module. A trace asks only where
//! a trap can be, or a frame can stand. And wasmer links the calls of functions when it loads them, one by one, although all
//! functions of a module lie side by side, always in the same way.

use enumset::EnumSet;
use std::sync::Arc;
use wasmer_compiler::types::address_map::InstructionAddressMap;
use wasmer_compiler::types::function::{Compilation, CompiledFunction, CompiledFunctionFrameInfo};
use wasmer_compiler::types::module::CompileModuleInfo;
use wasmer_compiler::types::relocation::{RelocationKind, RelocationTarget};
use wasmer_compiler::types::unwind::CompiledFunctionUnwindInfo;
use wasmer_compiler::{Compiler, CompilerConfig, FunctionBodyData, ModuleMiddleware, ModuleTranslationState};
use wasmer_types::entity::PrimaryMap;
use wasmer_types::target::{CpuFeature, Target, UserCompilerOptimizations};
use wasmer_types::{CompilationProgressCallback, CompileError, Features, LocalFunctionIndex};

/// The configuration of a compiler.
pub(super) struct Lean<C> {
    pub compiler: C,
    /// Whether it lists all its traps: what Singlepass jumps to, it does not
    pub lists_traps: bool,
}

impl<C: CompilerConfig> CompilerConfig for Lean<C> {
    fn compiler(self: Box<Self>) -> Box<dyn Compiler> {
        let Self { compiler, lists_traps } = *self;
        Box::new(LeanCompiler { compiler: Box::new(compiler).compiler(), lists_traps })
    }

    fn default_features_for_target(&self, target: &Target) -> Features {
        self.compiler.default_features_for_target(target)
    }

    fn supported_features_for_target(&self, target: &Target) -> Features {
        self.compiler.supported_features_for_target(target)
    }

    fn push_middleware(&mut self, middleware: Arc<dyn ModuleMiddleware>) {
        self.compiler.push_middleware(middleware);
    }
}

#[derive(Debug)]
struct LeanCompiler {
    compiler: Box<dyn Compiler>,
    lists_traps: bool,
}

impl Compiler for LeanCompiler {
    fn name(&self) -> &str {
        self.compiler.name()
    }

    fn deterministic_id(&self) -> String {
        self.compiler.deterministic_id()
    }

    fn artifact_format(&self) -> String {
        self.compiler.artifact_format()
    }

    fn with_opts(&mut self, suggested: &UserCompilerOptimizations) -> Result<(), CompileError> {
        self.compiler.with_opts(suggested)
    }

    fn validate_module(&self, features: &Features, data: &[u8]) -> Result<(), CompileError> {
        self.compiler.validate_module(features, data)
    }

    fn compile_module(
        &self,
        target: &Target,
        module: &CompileModuleInfo,
        compile_info_blob: &[u8],
        module_translation: &ModuleTranslationState,
        bodies: PrimaryMap<LocalFunctionIndex, FunctionBodyData<'_>>,
        progress_callback: Option<&CompilationProgressCallback>,
    ) -> Result<Compilation, CompileError> {
        let sources: Vec<_> =
            bodies.values().map(|body| Source { code: body.data, offset: body.module_offset }).collect();
        let mut compilation = self.compiler.compile_module(
            target,
            module,
            compile_info_blob,
            module_translation,
            bodies,
            progress_callback,
        )?;
        if let Compilation::Rkyv { compilation, .. } = &mut compilation {
            if self.lists_traps {
                for (function, source) in compilation.functions.values_mut().zip(sources) {
                    thin(&mut function.frame_info, &source);
                }
            }
            link_calls(&mut compilation.functions);
        }
        Ok(compilation)
    }

    fn get_middlewares(&self) -> &[Arc<dyn ModuleMiddleware>] {
        self.compiler.get_middlewares()
    }

    fn enable_readonly_funcref_table(&self) -> bool {
        self.compiler.enable_readonly_funcref_table()
    }

    fn get_cpu_features_used(&self, features: &EnumSet<CpuFeature>) -> EnumSet<CpuFeature> {
        self.compiler.get_cpu_features_used(features)
    }

    fn get_perfmap_enabled(&self) -> bool {
        self.compiler.get_perfmap_enabled()
    }
}

/// The code of a function.
struct Source<'a> {
    code: &'a [u8],
    /// Where in the module it begins
    offset: u64,
}

impl Source<'_> {
    /// Whether no frame can stand at the instruction at `offset` in the module, as it calls nothing: neither a function
    /// nor the engine. What is not known may.
    fn is_plain(&self, offset: u32) -> bool {
        let place = u64::from(offset).checked_sub(self.offset).and_then(|place| usize::try_from(place).ok());
        let opcode = place.and_then(|place| self.code.get(place));
        opcode.is_some_and(|opcode| {
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
}

/// Leaves out where nothing of a trace can be.
fn thin(info: &mut CompiledFunctionFrameInfo, source: &Source<'_>) {
    let mut traps = info.traps.iter().map(|trap| trap.code_offset as usize).peekable();
    // Both are in the order of the machine code.
    info.address_map.instructions.retain(|instruction| {
        let InstructionAddressMap { srcloc, code_offset, code_len } = *instruction;
        while traps.next_if(|trap| *trap < code_offset).is_some() {}
        traps.peek().is_some_and(|trap| *trap < code_offset + code_len) || !source.is_plain(srcloc.bits())
    });
    info.address_map.instructions.shrink_to_fit();
}

/// To a multiple of how many bytes wasmer fills up each function, before the next one.
const ALIGNMENT: usize = 16;

/// Writes into calls of functions of the same module how far away these are.
fn link_calls(functions: &mut PrimaryMap<LocalFunctionIndex, CompiledFunction>) {
    // On Windows, what unwinds a function lies behind it.
    let is_alone = |function: &CompiledFunction| {
        !matches!(function.body.unwind_info, Some(CompiledFunctionUnwindInfo::WindowsX64(_)))
    };
    if !functions.values().all(is_alone) {
        return;
    }
    let mut next = 0;
    let begin = |function: &CompiledFunction| {
        let begin = next;
        next += function.body.body.len().next_multiple_of(ALIGNMENT);
        begin
    };
    let begins: PrimaryMap<LocalFunctionIndex, usize> = functions.values().map(begin).collect();
    for (index, function) in functions.iter_mut() {
        let CompiledFunction { body, relocations, .. } = function;
        relocations.retain(|relocation| {
            let (RelocationKind::X86CallPCRel4, RelocationTarget::LocalFunc(callee)) =
                (relocation.kind, relocation.reloc_target)
            else {
                return true;
            };
            let offset = relocation.offset as usize;
            let distance = begins[callee] as i64 - (begins[index] + offset) as i64 + relocation.addend;
            // One that is too far is wasmer's to refuse.
            let Ok(distance) = i32::try_from(distance) else { return true };
            body.body[offset..offset + size_of::<i32>()].copy_from_slice(&distance.to_le_bytes());
            false
        });
        relocations.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_compiler::types::address_map::FunctionAddressMap;
    use wasmer_compiler::types::function::FunctionBody;
    use wasmer_compiler::types::relocation::Relocation;
    use wasmer_types::{SourceLoc, TrapCode, TrapInformation};

    /// What stays of a function with such code, whose instructions are this long each in machine code.
    fn left(code: &[u8], lengths: &[(u32, usize)], traps: &[u32]) -> Vec<u32> {
        let instructions = lengths.iter().scan(0, |code_offset, (at, code_len)| {
            let instruction = InstructionAddressMap {
                srcloc: SourceLoc::new(at + 100),
                code_offset: *code_offset,
                code_len: *code_len,
            };
            *code_offset += code_len;
            Some(instruction)
        });
        let address_map = FunctionAddressMap { instructions: instructions.collect(), ..FunctionAddressMap::default() };
        let trap = |code_offset: &u32| TrapInformation {
            code_offset: *code_offset,
            trap_code: TrapCode::HeapAccessOutOfBounds,
        };
        let mut info = CompiledFunctionFrameInfo { traps: traps.iter().map(trap).collect(), address_map };
        thin(&mut info, &Source { code, offset: 100 });
        info.address_map.instructions.iter().map(|each| each.srcloc.bits() - 100).collect()
    }

    #[test]
    fn what_may_trap_or_calls_stays() {
        // local.get, i32.load, i32.load, call, memory.grow, end
        let code = [0x20, 0, 0x28, 2, 0, 0x28, 2, 0, 0x10, 1, 0x40, 0, 0x0b];
        let all = [(0, 4), (2, 5), (5, 5), (8, 6), (10, 7), (12, 3)];
        assert_eq!(left(&code, &all, &[]), [8, 10]);
        assert_eq!(left(&code, &all, &[4, 13]), [2, 5, 8, 10], "the first and the last byte");
        assert_eq!(left(&code, &all, &[0, 1, 29]), [0, 8, 10, 12]);
    }

    #[test]
    fn what_is_not_known_stays() {
        assert_eq!(left(&[0x20, 0, 0x0b], &[(0, 1), (70, 2), (u32::MAX - 200, 3)], &[]), [70, u32::MAX - 200]);
        assert_eq!(left(&[0xfc, 0, 0xfe, 0, 0xff], &[(0, 1), (2, 1), (4, 1)], &[]), [0, 2, 4]);
    }

    #[test]
    fn calls_reach_functions_where_wasmer_puts_them() {
        let call = |offset, callee, kind| Relocation {
            kind,
            reloc_target: RelocationTarget::LocalFunc(LocalFunctionIndex::from_u32(callee)),
            offset,
            addend: -4,
        };
        let direct = |offset, callee| call(offset, callee, RelocationKind::X86CallPCRel4);
        let function = |length, relocations| CompiledFunction {
            body: FunctionBody { body: vec![0xcc; length], unwind_info: None },
            relocations,
            frame_info: CompiledFunctionFrameInfo::default(),
            maximum_stack_usage: None,
        };
        let absolute = call(8, 0, RelocationKind::Abs8);
        let all = [
            function(17, vec![direct(1, 0), direct(6, 2)]),
            function(16, vec![absolute.clone(), direct(2, 0)]),
            function(5, vec![direct(1, 1)]),
        ];
        let mut functions: PrimaryMap<LocalFunctionIndex, _> = all.into_iter().collect();
        link_calls(&mut functions);
        let at = |function: u32, offset: usize| {
            let body = &functions[LocalFunctionIndex::from_u32(function)].body.body;
            i32::from_le_bytes(body[offset..offset + 4].try_into().unwrap())
        };
        // They begin at 0, 32 and 48; a distance counts from the end of the call.
        assert_eq!([at(0, 1), at(0, 6), at(1, 2), at(2, 1)], [-5, 38, -38, -21]);
        let left: Vec<_> = functions.values().map(|function| function.relocations.clone()).collect();
        assert_eq!(left, [vec![], vec![absolute], vec![]]);
    }
}
