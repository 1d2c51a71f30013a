//! The parser of entries of the disk cache, which belongs to the engine.

mod code {
    pub mod image {
        pub const PAGE: usize = 4096;
    }
}
#[path = "../../src/engine/cache/entry.rs"]
mod entry;

/// Reads the bytes of a file as the cache does. The result is whether it is an entry.
pub fn read_entry(bytes: &[u8]) -> bool {
    let Ok(Some(entry)) = entry::CacheEntry::read(&mut &*bytes) else { return false };
    let _ = entry.about();
    assert!(!entry.is_sealed(&[3; 32], &[7; 32]), "nobody knows the secret");
    let parts = [entry.metadata().len(), entry.details().len(), entry.custom().len(), entry.image().len()];
    assert!(parts.iter().sum::<usize>() <= bytes.len());
    true
}
