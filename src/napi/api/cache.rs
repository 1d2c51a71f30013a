//! The disk cache as `lib/` sees it: the options of a cache, its entries, and clearing it.

use crate::engine::{Cache, CacheTarget};
use crate::error::ErrorKind;
use crate::napi::env::throw::{NativeError, guarded};
use napi::Either;
use napi_derive::napi;
use std::time::UNIX_EPOCH;

/// A disk cache: a folder of compiled modules.
#[napi(object, object_to_js = false)]
pub struct NativeCache {
    /// Its path
    pub directory: String,
    /// The greatest size of all entries together, in bytes
    pub most: f64,
    /// Whether it may be written to
    pub writable: bool,
    /// The path of the module's file, if it has one
    pub file: Option<String>,
}

impl NativeCache {
    fn cache(&self) -> Cache {
        let Self { directory, most, writable, .. } = self;
        Cache { directory: directory.into(), most: *most as u64, writable: *writable }
    }

    /// The cache target of a compile.
    pub(in crate::napi) fn cache_target(self) -> CacheTarget {
        CacheTarget { cache: self.cache(), file: self.file }
    }
}

/// A compiled module on disk.
#[napi(object, object_from_js = false)]
pub struct NativeCached {
    /// The path of the module's file, if it had one
    pub file: Option<String>,
    /// The size of the module in bytes
    pub module_size: f64,
    /// The size of the entry in bytes
    pub size: f64,
    /// The compiler
    pub compiler: String,
    /// The address space that its memories reserve: "full" or "small"
    pub reserve: String,
    /// The slot selection: "default", "all", "none", or the number of functions besides the default ones
    pub slots: Either<u32, String>,
    /// Time of the last use, in milliseconds since 1970
    pub used: f64,
    /// Whether this version of the package can use it on this machine
    pub usable: bool,
}

/// The entries of a cache, the most recently used first.
#[napi]
pub fn cache_list(cache: NativeCache) -> Result<Vec<NativeCached>, NativeError> {
    let listed = guarded(|| cache.cache().list().map_err(|error| failed(&cache, &error)))?;
    let entries = listed.into_iter().map(|entry| NativeCached {
        file: entry.about.file,
        module_size: entry.about.module as f64,
        size: entry.size as f64,
        compiler: entry.about.compiler,
        reserve: entry.about.reserve,
        slots: entry.about.slots.parse().map_or(Either::B(entry.about.slots), Either::A),
        used: entry.used.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_millis() as f64),
        usable: entry.usable,
    });
    Ok(entries.collect())
}

/// Empties a cache; returns the number of entries that it had.
#[napi]
pub fn cache_clear(cache: NativeCache) -> Result<u32, NativeError> {
    guarded(|| cache.cache().clear().map(|count| count as u32).map_err(|error| failed(&cache, &error)))
}

fn failed(cache: &NativeCache, error: &std::io::Error) -> crate::error::Error {
    ErrorKind::Cache { message: format!("the cache in {}: {error}", cache.directory) }.into()
}
