//! The code that this process has compiled, so that no thread compiles a module again that another has.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::cache::disk::{Cache, CacheKey};
use crate::engine::cache::entry::Hash;
use crate::engine::code::compiled_code::Code;
use crate::engine::code::parts::Compiled;
use crate::engine::compile::compiler::{Compiler, hash};
use crate::error::{ErrorKind, Result};
use crate::rewrite::Selection;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// What tells two compiles apart: the bytes, by their hash, and how they are compiled.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    bytes: Hash,
    compiler: Compiler,
    selection: Selection,
    tiers_up_from: Option<Compiler>,
    reserve: Reserve,
}

/// One compile: locked while it goes on, so that whoever wants the same waits for it.
type OngoingCompile = Arc<Mutex<Weak<Code>>>;

static COMPILED: LazyLock<Mutex<HashMap<Key, OngoingCompile>>> = LazyLock::new(Mutex::default);

/// Where compiled modules are kept besides, and what the cache is told of one.
#[derive(Debug, Clone)]
pub struct CacheTarget {
    /// The cache
    pub cache: Cache,
    /// The file that the bytes were read from, if they were
    pub file: Option<String>,
}

/// How a module is compiled, and kept.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// What compiles it
    pub compiler: Compiler,
    /// Which functions become slots
    pub selection: Selection,
    /// Whose code it is to take over from, if it is to work on the state of another instance
    pub tiers_up_from: Option<Compiler>,
    /// What its memories reserve
    pub reserve: Reserve,
    /// Where it is kept, if it is
    pub cache_target: Option<CacheTarget>,
}

impl CompileOptions {
    /// That of a module of our own: without slots, and not kept.
    pub fn plain(compiler: Compiler) -> Self {
        Self {
            compiler,
            selection: Selection::None,
            tiers_up_from: None,
            reserve: Reserve::available(),
            cache_target: None,
        }
    }
}

/// Code for these bytes: what some thread of this process still has of them, or the cache, or newly compiled.
///
/// # Errors
/// Those of `Compiled::new`.
pub fn compile(bytes: &[u8], options: &CompileOptions) -> Result<Arc<Code>> {
    get(hash(bytes), bytes.len() as u64, options, || Compiled::new(bytes, options))
}

/// The same, if there is such code already, in this process or in the cache.
pub fn compiled_before(bytes: &[u8], options: &CompileOptions) -> Option<Arc<Code>> {
    let none = || Err(ErrorKind::Internal { message: "not compiled yet".to_owned() }.into());
    get(hash(bytes), bytes.len() as u64, options, none).ok()
}

/// `compile` for a file. It is read into memory only if it must be compiled; none if it cannot be read, or is no regular
/// file.
///
/// # Errors
/// Those of `Compiled::new`.
pub fn compile_file(path: &Path, options: &CompileOptions) -> Result<Option<Arc<Code>>> {
    let Ok((hash, size)) = hash_file(path) else { return Ok(None) };
    let mut changed = None;
    let code = get(hash, size, options, || match fs::read(path) {
        Ok(bytes) if self::hash(&bytes) == hash => Compiled::new(&bytes, options),
        // Someone has written or removed the file meanwhile.
        read => {
            changed = Some(read);
            Err(ErrorKind::Internal { message: "the file changed while it was read".to_owned() }.into())
        }
    });
    match changed {
        Some(Ok(bytes)) => compile(&bytes, options).map(Some),
        Some(Err(_)) => Ok(None),
        None => code.map(Some),
    }
}

/// The hash of a file and its size. Reads it piece by piece: what is known by its hash is not needed.
fn hash_file(path: &Path) -> io::Result<(Hash, u64)> {
    // A pipe can be opened only once.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((*hasher.finalize().as_bytes(), hasher.count()))
}

/// The code of a module, by its hash; `make` compiles it.
fn get(bytes: Hash, size: u64, options: &CompileOptions, make: impl FnOnce() -> Result<Compiled>) -> Result<Arc<Code>> {
    let CompileOptions { compiler, selection, tiers_up_from, reserve, cache_target } = options;
    let (compiler, tiers_up_from, reserve) = (*compiler, *tiers_up_from, *reserve);
    let key = Key { bytes, compiler, selection: selection.clone(), tiers_up_from, reserve };
    let entry = COMPILED.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default().clone();
    let mut known = entry.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.upgrade() {
        return Ok(code);
    }
    let file = cache_target.as_ref().and_then(|cache_target| cache_target.file.as_deref());
    let cache_key = CacheKey { bytes, size, compiler, selection, tiers_up_from, reserve, file };
    let code = through(cache_target.as_ref().map(|cache_target| &cache_target.cache), &cache_key, make);
    if let Ok(code) = &code {
        *known = Arc::downgrade(code);
    }
    drop(known);
    forget_the_gone();
    code
}

/// Code from the cache, or newly compiled and put there.
fn through(
    cache: Option<&Cache>,
    cache_key: &CacheKey<'_>,
    make: impl FnOnce() -> Result<Compiled>,
) -> Result<Arc<Code>> {
    if let Some(found) = cache.and_then(|cache| cache.find(cache_key)) {
        // SAFETY: the entry was written by this very build, for a processor like this one; its seal says that it is as it
        // was written.
        let code = unsafe { Code::assemble(found, cache_key.compiler, cache_key.reserve) };
        if code.is_ok() {
            return code;
        }
    }
    let compiled = make()?;
    if let Some(cache) = cache {
        cache.keep(cache_key, &compiled);
    }
    // SAFETY: the image was packed a moment ago by this very build.
    unsafe { Code::assemble(compiled, cache_key.compiler, cache_key.reserve) }
}

/// Takes out the entries of code that is gone, and of compiles that failed. Costs as much as there are
/// entries, each of which has cost a compile.
fn forget_the_gone() {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    compiled.retain(|_, entry| {
        // One that someone else holds is being compiled.
        Arc::strong_count(entry) > 1 || entry.try_lock().map_or(true, |code| code.strong_count() > 0)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(compiler: Compiler, selection: Selection) -> CompileOptions {
        CompileOptions { selection, ..CompileOptions::plain(compiler) }
    }

    #[test]
    fn the_same_bytes_are_compiled_once() {
        let bytes = wat::parse_str("(module (func (export \"f\")))").unwrap();
        let same = |selection| compile(&bytes, &options(Compiler::Singlepass, selection)).unwrap();
        let first = same(Selection::None);
        assert!(Arc::ptr_eq(&first, &same(Selection::None)));
        assert!(!Arc::ptr_eq(&first, &same(Selection::All)));
        assert!(!Arc::ptr_eq(&first, &compile(&bytes, &options(Compiler::Cranelift, Selection::None)).unwrap()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let bytes = bytes.clone();
                std::thread::spawn(move || compile(&bytes, &options(Compiler::Cranelift, Selection::Default)).unwrap())
            })
            .collect();
        let codes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(codes.iter().all(|code| Arc::ptr_eq(code, &codes[0])));
    }

    #[test]
    fn what_nobody_has_is_forgotten() {
        let bytes = wat::parse_str("(module (func (export \"gone\")))").unwrap();
        let key = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
        drop(compile(&bytes, &options(Compiler::Singlepass, Selection::None)).unwrap());
        assert!(compile(b"bad", &options(Compiler::Singlepass, Selection::None)).is_err());
        forget_the_gone();
        let compiled = COMPILED.lock().unwrap();
        assert!(compiled.keys().all(|each| each.bytes != key(&bytes) && each.bytes != key(b"bad")));
    }
}
