use super::compiled::How;
use crate::error::Result;
use crate::rewrite::{Forwarder, Options, Origins, Rewritten, Roles, Slot, modernize, rewrite, successor};
use crate::wasm::Binary;
use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;

/// What is known of a compiled module besides its machine code: what the load-time pass found out. Goes into the disk
/// cache as it is.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    /// The module as its author compiled it
    pub original: Binary,
    /// The module after the pass
    pub binary: Binary,
    /// Its slots, the declared ones first
    pub slots: Vec<Slot>,
    /// The functions that stand for imports
    pub forwarders: Vec<Forwarder>,
    /// Where each function came from
    pub origins: Origins,
    /// The imported tables whose entries code may put elsewhere
    pub read_tables: Vec<u32>,
    /// The imported tables into which code puts references
    pub written_tables: Vec<u32>,
    /// The imported globals into which code puts references
    pub written_globals: Vec<u32>,
    /// What functions are, besides having a slot
    pub roles: Roles,
}

/// A compiled module, on its way to where it is run from.
pub(super) struct Compiled {
    /// What is known of it
    pub parts: Parts,
    /// The custom sections of the original bytes, one behind the other
    pub custom: OwnedBuffer,
    /// wasmer's serialized form of its machine code
    pub artifact: OwnedBuffer,
}

impl Compiled {
    /// Validates, runs the load-time pass and compiles.
    ///
    /// # Errors
    /// What `Binary::parse`, `rewrite` and `Compiler::artifact` refuse.
    pub fn new(bytes: &[u8], how: &How) -> Result<Self> {
        let How { compiler, selection, succeeds, .. } = how;
        let binary = Binary::parse(bytes, compiler.features())?;
        let options = Options { selection: selection.clone(), ..succeeds.unwrap_or(*compiler).pass() };
        let mut rewritten = rewrite(bytes, &binary, &options)?;
        if succeeds.is_some() {
            rewritten.bytes = successor(&rewritten.bytes, &mut rewritten.binary)?.into();
        }
        let rewritten = if binary.legacy_exceptions {
            let bytes = modernize(&rewritten.bytes, &rewritten.binary)?;
            Rewritten { bytes: bytes.into(), ..rewritten }
        } else {
            rewritten
        };
        let artifact = OwnedBuffer::from_bytes(compiler.artifact(&rewritten.bytes)?);
        let sections = binary.custom_sections.iter().map(|(_, range)| &bytes[range.clone()]);
        let custom = OwnedBuffer::from_bytes(sections.collect::<Vec<_>>().concat());
        Ok(Self { parts: Parts::new(rewritten, binary), custom, artifact })
    }
}

impl Parts {
    /// Those of a module that went through the pass.
    pub fn new(rewritten: Rewritten<'_>, original: Binary) -> Self {
        let Rewritten {
            binary, slots, forwarders, origins, read_tables, written_tables, written_globals, roles, ..
        } = rewritten;
        Self { original, binary, slots, forwarders, origins, read_tables, written_tables, written_globals, roles }
    }
}
