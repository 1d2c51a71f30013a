//! `Cache`: where a disk cache is, and what it may do.

use std::path::PathBuf;

/// A disk cache.
///
/// Its entries are machine code, which is run without validation. So only the owner may be able to write to the folder,
/// and each entry has a message authentication code, made with a secret of the folder. An entry that fails a check
/// counts as missing: the module is compiled.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The directory that the user named; the cache's files are in a folder of their own in it
    pub directory: PathBuf,
    /// The most bytes that all entries may have together
    pub most: u64,
    /// Whether the cache may write entries
    pub writable: bool,
}
