use super::compiler::Compiler;
use super::tunables::StoreTunables;
use crate::error::{ErrorKind, Result};
use crate::rewrite::{DeclaredSlot, Forwarder, Origins, Rewritten, rewrite};
use crate::wasm::Binary;
use std::sync::Arc;
use wasmer::sys::{Artifact, NativeEngineExt};
use wasmer::{Engine, Module};

/// A compiled module: its machine code and what is known of it. Immutable, shared by threads.
///
/// The code lives in a headless engine of its own, since neither wasmer's `Module` nor its
/// instances keep an engine alive: whoever runs the code holds this.
pub struct Code {
    /// What made the machine code: functions of different compilers cannot call each other
    pub compiler: Compiler,
    /// The module as it was loaded, after the pass
    pub binary: Binary,
    /// Its declared slots, by their entry in the dispatch table
    pub slots: Vec<DeclaredSlot>,
    /// Index of the dispatch table, if there are slots
    pub dispatch_table: Option<u32>,
    /// The functions that stand for imports where these are taken as values
    pub forwarders: Vec<Forwarder>,
    /// Custom sections of the original bytes, in order
    pub custom_sections: Vec<(String, Box<[u8]>)>,
    origins: Origins,
    // Fields drop in order: the artifact takes its trap tables back before the code goes.
    module: Module,
    engine: Engine,
}

impl Code {
    /// Validates, runs the load-time pass and compiles. Takes long: a second for some megabytes.
    ///
    /// # Errors
    /// What `Binary::parse`, `rewrite` and `Compiler::artifact` refuse.
    pub fn compile(bytes: &[u8], compiler: Compiler) -> Result<Arc<Self>> {
        let binary = Binary::parse(bytes, compiler.features())?;
        let copy = |(name, range): &(String, std::ops::Range<usize>)| (name.clone(), bytes[range.clone()].into());
        let custom_sections = binary.custom_sections.iter().map(copy).collect();
        Self::assemble(rewrite(bytes, binary, compiler.pass())?, custom_sections, compiler)
    }

    fn assemble(
        rewritten: Rewritten<'_>,
        custom_sections: Vec<(String, Box<[u8]>)>,
        compiler: Compiler,
    ) -> Result<Arc<Self>> {
        let artifact = compiler.artifact(&rewritten.bytes)?;
        let Rewritten { binary, slots, dispatch_table, forwarders, origins, .. } = rewritten;

        let mut engine: Engine = Engine::headless();
        let tables = binary.tables[binary.imported_tables as usize..].iter().map(|table| table.limits).collect();
        engine.set_tunables(StoreTunables::new(tables));
        // SAFETY: the artifact was serialized a moment ago by this very build of wasmer.
        let module = unsafe { Module::deserialize(&engine, artifact) }
            .map_err(|error| ErrorKind::Compile { message: format!("the compiled module does not load: {error}") })?;
        Ok(Arc::new(Self {
            compiler,
            binary,
            slots,
            dispatch_table,
            forwarders,
            origins,
            custom_sections,
            module,
            engine,
        }))
    }

    /// Compiles without the load-time pass, to show what it is for.
    #[cfg(test)]
    pub fn compile_as_it_is(bytes: &[u8], compiler: Compiler) -> Result<Arc<Self>> {
        let binary = Binary::parse(bytes, compiler.features())?;
        Self::assemble(Rewritten::unchanged(bytes, binary), Vec::new(), compiler)
    }

    /// The index that a function has in the original bytes.
    pub fn original_index(&self, index: u32) -> u32 {
        self.origins.of(index)
    }

    /// What wasmer instantiates.
    ///
    /// # Panics
    /// Never: the only backend built in is `sys`.
    pub fn artifact(&self) -> &Artifact {
        self.module.sys_artifact().expect("the sys backend has artifacts")
    }

    /// How wasmer makes the memories and tables of an instance.
    pub fn tunables(&self) -> &dyn wasmer::sys::Tunables {
        self.engine.tunables()
    }
}
