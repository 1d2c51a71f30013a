//! `CompileOptions`: how a module is compiled and cached.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::compile::cache_target::Cache;
use crate::engine::compile::cancellation::Cancellation;
use crate::engine::compile::compiler::Compiler;
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::Selection;
use std::time::Duration;

/// The disk cache for a compiled module, and the file name to record there.
#[derive(Debug, Clone)]
pub struct CacheTarget {
    /// The cache
    pub cache: Cache,
    /// Path of the file that the bytes were read from; none if they came from memory
    pub file: Option<String>,
}

/// The limits of one compile.
#[derive(Debug, Clone, Copy)]
pub struct CompileLimits {
    /// Most bytes of the module
    pub module_size: u64,
    /// Most bytes of the compiled code
    pub code_size: u64,
    /// Longest duration; the compile stops between two functions
    pub time: Option<Duration>,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { module_size: u64::MAX, code_size: u64::MAX, time: None }
    }
}

impl CompileLimits {
    /// Checks the size of a module in bytes.
    ///
    /// # Errors
    /// `Limit`.
    pub fn check_module(&self, size: u64) -> Result<()> {
        exceeds("moduleSize", self.module_size, size)
    }

    /// Checks the size of compiled code in bytes.
    ///
    /// # Errors
    /// `Limit`.
    pub(in crate::engine) fn check_code(&self, size: u64) -> Result<()> {
        exceeds("codeSize", self.code_size, size)
    }

    /// The error of a compile that has not ended in time.
    pub(in crate::engine) fn too_late(&self) -> Error {
        let milliseconds = self.time.map_or(u64::MAX, |time| time.as_millis() as u64);
        let owner = "compile";
        ErrorKind::Limit { owner, limit: "compileTime", value: milliseconds, asked: milliseconds.saturating_add(1) }
            .into()
    }
}

fn exceeds(limit: &'static str, value: u64, asked: u64) -> Result<()> {
    if asked <= value { Ok(()) } else { Err(ErrorKind::Limit { owner: "compile", limit, value, asked }.into()) }
}

/// How a module is compiled and cached.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// The compiler; for Cranelift, Singlepass may take its place (`CompilerChoice`)
    pub compiler: Compiler,
    /// Which functions become slots
    pub selection: Selection,
    /// For a tier-up module, the compiler of the instance whose memories and globals it works on
    pub tiers_up_from: Option<Compiler>,
    /// Address space that its memories reserve
    pub reserve: Reserve,
    /// Disk cache; none: the module is not cached
    pub cache_target: Option<CacheTarget>,
    /// Stops the compile between two functions
    pub cancellation: Cancellation,
    /// Its limits
    pub limits: CompileLimits,
}

impl CompileOptions {
    /// Options for a module that this package generates: without slots, and not cached.
    pub fn plain(compiler: Compiler) -> Self {
        Self {
            compiler,
            selection: Selection::None,
            tiers_up_from: None,
            reserve: Reserve::available(),
            cache_target: None,
            cancellation: Cancellation::default(),
            limits: CompileLimits::default(),
        }
    }
}
