//! The bridges of a store, and the canonical function of each.

use crate::engine::Compiler;
use crate::store::{FuncRef, GlobalId};
use rustc_hash::FxHashMap;

/// The bridges of a store, and the compilers of its host functions and globals.
///
/// Cranelift's and Singlepass's functions cannot call each other: they pass arguments and results in different places,
/// and wasmer does not check this. Code of the other compiler calls a function through a bridge: a function of that
/// compiler which calls it through the host.
#[derive(Default)]
pub struct Bridges {
    /// Compiler of the code that imports each host function, and the function's index in that module
    pub(in crate::store) hosts: FxHashMap<FuncRef, (Compiler, u32)>,
    /// The bridge or tier-up copy of each function, by the compiler of its callers
    pub(in crate::store) made: FxHashMap<(FuncRef, Compiler), FuncRef>,
    /// The canonical function of each bridge, tier-up copy and forwarder
    pub(in crate::store) canonical: FxHashMap<FuncRef, FuncRef>,
    /// Compiler of the function that a funcref global holds
    pub(in crate::store) globals: FxHashMap<GlobalId, Compiler>,
}

impl Bridges {
    /// Forgets functions that are going to be freed.
    pub fn forget(&mut self, is_gone: impl Fn(FuncRef) -> bool) {
        self.hosts.retain(|function, _| !is_gone(*function));
        self.made.retain(|(function, _), bridge| !is_gone(*function) && !is_gone(*bridge));
        self.canonical.retain(|bridge, function| !is_gone(*bridge) && !is_gone(*function));
    }
}
