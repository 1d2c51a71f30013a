//! The compilers of wasmer that this package uses.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::alloc::tunables::StoreTunables;
use crate::engine::code::image;
use crate::engine::compile::cancellation::{Waiters, cancelled};
use crate::engine::compile::threads::Threads;
use crate::engine::trace::author_offsets::AuthorOffsets;
use crate::engine::trace::frames;
use crate::error::{Error, ErrorKind};
use crate::rewrite::{Options, without_functions};
use crate::wasm::Features;
use serde::{Deserialize, Serialize};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::{Arc, Once};
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder, Singlepass};
use wasmer_compiler::{ArtifactBuild, ArtifactCreate, Engine, ModuleEnvironment};
use wasmer_types::target::Target;
use wasmer_types::{CompilationProgressCallback, CompileError, UserAbort};

/// The compilers of wasmer whose code is memory-safe across instances; wasmer's LLVM is not (docs/internals/safety.md).
/// Code of one compiler cannot call code of the other directly: `store::abi::bridge` connects them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compiler {
    /// Optimizes; the default
    Cranelift,
    /// Compiles about six times as fast; its code is slower. No SIMD, no exceptions.
    Singlepass,
}

/// The largest frame that a function may have, in bytes: smaller than the guard of a stack, so no frame can step over
/// it. 50,000 locals, the most that validation allows, take half of it.
pub const LARGEST_FRAME: usize = 768 << 10;

/// Whether the bytes for a compiler are known to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Validation {
    /// `Binary::parse` accepted them, with the features of the compiler
    Done,
    /// The load-time pass wrote them: it must not hand the compiler code that would be unsafe
    Needed,
}

/// Why a compiler does not compile a valid module.
#[derive(Debug)]
pub(in crate::engine) enum CompilerRefusal {
    /// The compiler's message
    Compiler(String),
    /// A function, by its index, and its frame of `size` bytes, larger than `LARGEST_FRAME`
    Frame { function: u32, size: usize },
    /// No waiter needs the code any more
    Cancelled,
    /// There is no room for a compile of so many bytes
    Room(usize),
}

/// The payload with which Cranelift's threads unwind once the compile is cancelled.
struct CancelledUnwind;

/// The most bytes that a compile takes per byte of the module, all in small allocations.
pub(in crate::engine) const TAKEN: usize = 32;

impl Compiler {
    /// The compiler that the API calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "cranelift" => Some(Self::Cranelift),
            "singlepass" => Some(Self::Singlepass),
            _ => None,
        }
    }

    /// The proposals that it supports.
    pub fn features(self) -> Features {
        let cranelift = self == Self::Cranelift;
        Features {
            simd_and_exceptions: cranelift,
            multi_value_imports: cranelift,
            stored_exceptions: false,
            tail_calls: true,
        }
    }

    /// Whether its code can catch exceptions.
    pub fn catches(self) -> bool {
        self.features().simd_and_exceptions
    }

    /// Options that it needs from the load-time pass. Singlepass passes floats to imports in other registers than to
    /// functions of the module, so an import with floats cannot stand in a table.
    pub fn pass(self) -> Options {
        Options { forward_float_imports: self == Self::Singlepass, ..Options::default() }
    }

    /// Whether its code is faster if small branch tables become comparisons.
    pub fn wants_comparisons(self) -> bool {
        self == Self::Cranelift
    }

    /// Whether its compile time of a function grows with the square of the number of times that a local is merged.
    pub fn wants_chains_cut(self) -> bool {
        self == Self::Cranelift
    }

    /// Whether its compile time may grow faster than linearly with the size of a function: `CompilerChoice` bounds it.
    pub fn needs_bound(self) -> bool {
        self == Self::Cranelift
    }

    /// Whether it compiles some atomic operations only if each has a function of its own.
    pub fn wants_atomics_outlined(self) -> bool {
        self == Self::Singlepass
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Singlepass => "singlepass",
        }
    }

    /// Everything that its output depends on, besides the module: its version, its options and the processor.
    pub fn identity(self) -> String {
        let target = Target::default();
        let name = self.configured(NonZero::<usize>::MIN).compiler().deterministic_id();
        format!("{name} {} {:x}", target.triple(), target.cpu_features().as_u64())
    }

    fn configured(self, threads: NonZero<usize>) -> Box<dyn CompilerConfig> {
        match self {
            Self::Cranelift => {
                let mut config = Cranelift::default();
                config.num_threads(threads);
                Box::new(config)
            }
            Self::Singlepass => {
                let mut config = Singlepass::default();
                config.num_threads(threads);
                Box::new(config)
            }
        }
    }

    fn engine(self, reserve: Reserve, threads: NonZero<usize>) -> Engine {
        let mut engine = EngineBuilder::new(self.configured(threads)).engine();
        // The compiler reads the styles of memories and tables from the tunables.
        engine.set_tunables(StoreTunables::new(Vec::new(), reserve));
        engine
    }

    /// Whether it refuses functions with frames of more than `LARGEST_FRAME`.
    pub fn has_largest_frame(self) -> bool {
        self == Self::Singlepass
    }

    /// Whether it reports every trap of its code. Singlepass omits those that its code reaches by a jump.
    fn lists_traps(self) -> bool {
        self == Self::Cranelift
    }

    /// Compiles a valid module, on an engine of its own: a compile locks its engine until the end. It stops between two
    /// functions once all `waiters` have cancelled. Stack traces will have these `offsets`.
    ///
    /// # Errors
    /// A `CompilerRefusal`, also where the compiler panics.
    pub(in crate::engine) fn image(
        self,
        bytes: &[u8],
        offsets: &AuthorOffsets<'_>,
        validation: Validation,
        reserve: Reserve,
        waiters: &Arc<Waiters>,
    ) -> Result<Vec<u8>, CompilerRefusal> {
        self.packed_by(image::pack, bytes, offsets, validation, reserve, waiters)
    }

    /// `image`, written by `pack`.
    pub(in crate::engine) fn packed_by(
        self,
        pack: impl Fn(&ArtifactBuild, &[u8]) -> Result<Vec<u8>, String> + Sync,
        bytes: &[u8],
        offsets: &AuthorOffsets<'_>,
        validation: Validation,
        reserve: Reserve,
        waiters: &Arc<Waiters>,
    ) -> Result<Vec<u8>, CompilerRefusal> {
        let compile = |threads: &Threads| {
            catch_unwind(AssertUnwindSafe(|| {
                let build =
                    self.build(bytes, validation, reserve, threads.number, waiters).map_err(|error| match error {
                        CompileError::Aborted(_) => CompilerRefusal::Cancelled,
                        error => CompilerRefusal::Compiler(error.to_string()),
                    })?;
                check_frames(&build)?;
                let functions = build.get_function_bodies_ref().zip(build.get_frame_info_ref());
                let (bodies, infos) = functions.ok_or_else(|| "it is in an unknown form".to_owned())?;
                let functions = bodies.values().map(|body| body.body.len()).zip(infos.values());
                let frames = frames::pack(functions, self.lists_traps().then_some(bytes), |index, offset| {
                    offsets.of(index, offset)
                });
                pack(&build, &frames).map_err(CompilerRefusal::from)
            }))
            .unwrap_or_else(|panic| {
                if panic.is::<CancelledUnwind>() {
                    return Err(CompilerRefusal::Cancelled);
                }
                let says = panic.downcast_ref::<String>().map(String::as_str);
                Err(CompilerRefusal::Compiler(format!(
                    "the compiler panicked: {}",
                    says.or(panic.downcast_ref().copied()).unwrap_or("no message")
                )))
            })
        };
        stay_silent_without_threads();
        let taken = bytes.len().saturating_mul(TAKEN);
        let no_room = || CompilerRefusal::Room(bytes.len());
        let run = |threads: Threads| match threads.run(|| compile(&threads)) {
            Err(CompilerRefusal::Compiler(message)) if NO_THREADS.iter().any(|words| message.contains(words)) => {
                Err((threads.number, no_room()))
            }
            result => Ok(result),
        };
        match run(Threads::new(taken).ok_or_else(no_room)?) {
            Ok(result) => result,
            // The system limits the number of threads: try with a single thread.
            Err((number, _)) if number.get() > 1 => {
                run(Threads::alone(taken).ok_or_else(no_room)?).unwrap_or_else(|(_, refusal)| Err(refusal))
            }
            Err((_, refusal)) => Err(refusal),
        }
    }

    fn build(
        self,
        bytes: &[u8],
        validation: Validation,
        reserve: Reserve,
        threads: NonZero<usize>,
        waiters: &Arc<Waiters>,
    ) -> Result<ArtifactBuild, CompileError> {
        let engine = self.engine(reserve, threads);
        if validation == Validation::Needed {
            engine.validate(bytes)?;
        }
        // wasmer translates the whole module again: the styles need only these sections.
        let sections = without_functions(bytes).map_err(|error| CompileError::Codegen(error.to_string()))?;
        let module = ModuleEnvironment::new().translate(&sections).map_err(CompileError::Wasm)?.module;
        let tunables = engine.tunables();
        let memories = module.memories.values().map(|memory| tunables.memory_style(memory)).collect();
        let tables = module.tables.values().map(|table| tunables.table_style(table)).collect();
        ArtifactBuild::new(
            &mut engine.inner_mut(),
            bytes,
            engine.target(),
            memories,
            tables,
            Some(&self.stop_once_cancelled(waiters)),
        )
    }

    /// wasmer calls this after each function.
    fn stop_once_cancelled(self, waiters: &Arc<Waiters>) -> CompilationProgressCallback {
        let waiters = waiters.clone();
        CompilationProgressCallback::new(move |_| match waiters.have_cancelled() {
            false => Ok(()),
            // After an error, each thread of Cranelift would go on to compile one function of every remaining bucket.
            true if self == Self::Cranelift => resume_unwind(Box::new(CancelledUnwind)),
            true => Err(UserAbort::new("cancelled")),
        })
    }
}

/// Refuses frames that could step over the guard of a stack. Cranelift does not report frame sizes; its code probes
/// each page of a frame instead.
fn check_frames(build: &ArtifactBuild) -> Result<(), CompilerRefusal> {
    let imported = build.module_info().num_imported_functions as u32;
    let mut sizes = build.get_function_max_stack_usage().into_iter().flatten();
    match sizes.find_map(|(index, size)| size.filter(|size| *size > LARGEST_FRAME).map(|size| (index.as_u32(), size))) {
        Some((index, size)) => Err(CompilerRefusal::Frame { function: imported + index, size }),
        None => Ok(()),
    }
}

impl From<String> for CompilerRefusal {
    fn from(message: String) -> Self {
        Self::Compiler(message)
    }
}

impl CompilerRefusal {
    /// The error for the user; `describe` describes a function, by its index.
    pub fn into_error(self, describe: impl FnOnce(u32) -> String) -> Error {
        let message = match self {
            Self::Cancelled => return cancelled(),
            Self::Compiler(message) => message,
            Self::Room(bytes) => {
                let message =
                    format!("there is no room to compile {bytes} bytes: that takes {TAKEN} times as many, and threads");
                return ErrorKind::Memory { message }.into();
            }
            Self::Frame { function, size } => format!(
                "{} needs {size} bytes of call stack in code of singlepass, which supports at most {LARGEST_FRAME}: \
                 compile it with cranelift",
                describe(function)
            ),
        };
        ErrorKind::Compile { message }.into()
    }
}

/// Texts in wasmer's error or panic if the system cannot start threads.
const NO_THREADS: [&str; 2] = ["failed to build rayon thread pool", "ThreadPoolBuildError"];

/// Keeps wasmer's panic for lack of threads off standard error, since the caller gets an error. The panic hook belongs
/// to this library alone.
fn stay_silent_without_threads() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let says = panic.payload().downcast_ref::<String>();
            if says.is_none_or(|says| !NO_THREADS.iter().any(|words| says.contains(words))) {
                before(panic);
            }
        }));
    });
}
