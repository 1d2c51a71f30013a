//! The disk cache: which one a compile goes through, and what is in it.

use crate::engine::{Cache, CacheTarget};
use crate::error::ErrorKind;
use crate::napi::env::throw::{Result, guarded};
use napi_derive::napi;
use std::time::UNIX_EPOCH;

/// A folder of compiled modules.
#[napi(object, object_to_js = false)]
pub struct NativeCache {
    /// Its path
    pub directory: String,
    /// How many bytes all entries may have together
    pub most: f64,
    /// Whether it may be written to
    pub writable: bool,
    /// The file that the module comes from, if it comes from one
    pub file: Option<String>,
}

impl NativeCache {
    fn cache(&self) -> Cache {
        let Self { directory, most, writable, .. } = self;
        Cache { directory: directory.into(), most: *most as u64, writable: *writable }
    }

    /// Where a compiled module is kept.
    pub(in crate::napi) fn cache_target(self) -> CacheTarget {
        CacheTarget { cache: self.cache(), file: self.file }
    }
}

/// A compiled module on disk.
#[napi(object, object_from_js = false)]
pub struct NativeCached {
    /// The file that it was read from, if it was read from one
    pub file: Option<String>,
    /// The size of the module in bytes
    pub module_size: f64,
    /// The size of the entry in bytes
    pub size: f64,
    /// What compiled it
    pub compiler: String,
    /// What its memories reserve: "full" or "small"
    pub reserve: String,
    /// "default", "all", "none", or how many functions were asked for besides the default ones
    pub slots: String,
    /// When it was last used, in milliseconds since 1970
    pub used: f64,
    /// Whether this version of the package would use it, on this machine
    pub usable: bool,
}

/// The entries of a cache, those that were used last first.
#[napi]
pub fn cache_list(cache: NativeCache) -> Result<Vec<NativeCached>> {
    let listed = guarded(|| cache.cache().list().map_err(|error| failed(&cache, &error)))?;
    let entries = listed.into_iter().map(|entry| NativeCached {
        file: entry.about.file,
        module_size: entry.about.module as f64,
        size: entry.size as f64,
        compiler: entry.about.compiler,
        reserve: entry.about.reserve,
        slots: entry.about.slots,
        used: entry.used.duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_millis() as f64),
        usable: entry.usable,
    });
    Ok(entries.collect())
}

/// Empties a cache; gives how many entries there were.
#[napi]
pub fn cache_clear(cache: NativeCache) -> Result<u32> {
    guarded(|| cache.cache().clear().map(|count| count as u32).map_err(|error| failed(&cache, &error)))
}

fn failed(cache: &NativeCache, error: &std::io::Error) -> crate::error::Error {
    ErrorKind::Cache { message: format!("the cache in {}: {error}", cache.directory) }.into()
}
