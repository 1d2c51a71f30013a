//! A compiler that says of its code what stack traces ask for, and no more.
//!
//! Cranelift notes for every instruction which machine code it became: a third of a compiled module, which the disk cache
//! keeps, seals and maps. A trace asks only where a trap can be, or a frame can stand.

use enumset::EnumSet;
use std::sync::Arc;
use wasmer_compiler::types::address_map::InstructionAddressMap;
use wasmer_compiler::types::function::{Compilation, CompiledFunctionFrameInfo};
use wasmer_compiler::types::module::CompileModuleInfo;
use wasmer_compiler::{Compiler, CompilerConfig, FunctionBodyData, ModuleMiddleware, ModuleTranslationState};
use wasmer_types::entity::PrimaryMap;
use wasmer_types::target::{CpuFeature, Target, UserCompilerOptimizations};
use wasmer_types::{CompilationProgressCallback, CompileError, Features, LocalFunctionIndex};

/// The configuration of a compiler that is to note less. It must list all its traps: what Singlepass jumps to, it does not.
pub(super) struct Sparse<C>(pub C);

impl<C: CompilerConfig> CompilerConfig for Sparse<C> {
    fn compiler(self: Box<Self>) -> Box<dyn Compiler> {
        Box::new(SparseCompiler(Box::new(self.0).compiler()))
    }

    fn default_features_for_target(&self, target: &Target) -> Features {
        self.0.default_features_for_target(target)
    }

    fn supported_features_for_target(&self, target: &Target) -> Features {
        self.0.supported_features_for_target(target)
    }

    fn push_middleware(&mut self, middleware: Arc<dyn ModuleMiddleware>) {
        self.0.push_middleware(middleware);
    }
}

#[derive(Debug)]
struct SparseCompiler(Box<dyn Compiler>);

impl Compiler for SparseCompiler {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn deterministic_id(&self) -> String {
        self.0.deterministic_id()
    }

    fn artifact_format(&self) -> String {
        self.0.artifact_format()
    }

    fn with_opts(&mut self, suggested: &UserCompilerOptimizations) -> Result<(), CompileError> {
        self.0.with_opts(suggested)
    }

    fn validate_module(&self, features: &Features, data: &[u8]) -> Result<(), CompileError> {
        self.0.validate_module(features, data)
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
        let mut compilation =
            self.0.compile_module(target, module, compile_info_blob, module_translation, bodies, progress_callback)?;
        if let Compilation::Rkyv { compilation, .. } = &mut compilation {
            for (function, source) in compilation.functions.values_mut().zip(sources) {
                thin(&mut function.frame_info, &source);
            }
        }
        Ok(compilation)
    }

    fn get_middlewares(&self) -> &[Arc<dyn ModuleMiddleware>] {
        self.0.get_middlewares()
    }

    fn enable_readonly_funcref_table(&self) -> bool {
        self.0.enable_readonly_funcref_table()
    }

    fn get_cpu_features_used(&self, features: &EnumSet<CpuFeature>) -> EnumSet<CpuFeature> {
        self.0.get_cpu_features_used(features)
    }

    fn get_perfmap_enabled(&self) -> bool {
        self.0.get_perfmap_enabled()
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

#[cfg(test)]
mod tests {
    use super::*;
    use wasmer_compiler::types::address_map::FunctionAddressMap;
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
}
