//! `CompileOptions`: how a module is compiled and cached.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::compile::cache_target::Cache;
use crate::engine::compile::cancellation::Cancellation;
use crate::engine::compile::compiler::Compiler;
use crate::rewrite::Selection;

/// The disk cache for a compiled module, and the file name to record there.
#[derive(Debug, Clone)]
pub struct CacheTarget {
    /// The cache
    pub cache: Cache,
    /// Path of the file that the bytes were read from; none if they came from memory
    pub file: Option<String>,
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
        }
    }
}
