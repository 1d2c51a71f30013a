//! The registry of compiled modules: no two threads of a process compile the same module.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::cache::disk::CacheKey;
use crate::engine::cache::entry::Hash;
use crate::engine::compile::cache_target::Cache;
use crate::engine::compile::cancellation::{Waiters, cancelled};
use crate::engine::compile::compiler::Compiler;
use crate::engine::compile::options::CompileOptions;
use crate::engine::compile::pipeline::Compiled;
use crate::engine::compile::threads::hash;
use crate::engine::module::compiled_code::Code;
use crate::error::{ErrorKind, Result};
use crate::rewrite::Selection;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// Key of a compile: the hash of the bytes, and the compile options that change the code.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    bytes: Hash,
    compiler: Compiler,
    selection: Selection,
    tiers_up_from: Option<Compiler>,
    reserve: Reserve,
}

/// A module of the registry.
#[derive(Default)]
struct CompiledModule {
    /// Locked while it is compiled, so a thread that needs the same code waits for it
    code: Mutex<Weak<Code>>,
    /// The callers that wait for the compile or run it
    waiters: Arc<Waiters>,
}

static COMPILED: LazyLock<Mutex<HashMap<Key, Arc<CompiledModule>>>> = LazyLock::new(Mutex::default);

/// Number of compiles and loads that run in this process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Number of compiles that were cancelled in this process.
static CANCELLED: AtomicUsize = AtomicUsize::new(0);

/// Number of compiles that were cancelled in this process so far, before they began or between two functions.
pub fn cancelled_compiles() -> usize {
    CANCELLED.load(Ordering::Relaxed)
}

/// Number of compiles that run in this process, loads from the disk cache among them.
pub fn running_compiles() -> usize {
    RUNNING.load(Ordering::Relaxed)
}

/// Counts a compile in `RUNNING` until it is dropped.
struct RunningCompile;

impl RunningCompile {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for RunningCompile {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Code for these bytes: from the registry, else from the disk cache, else newly compiled.
///
/// # Errors
/// `Limit`, and the errors of `Compiled::new`.
pub fn compile(bytes: &[u8], options: &CompileOptions) -> Result<Arc<Code>> {
    options.limits.check_module(bytes.len() as u64)?;
    get(hash(bytes), bytes.len() as u64, options, |waiters| Compiled::new(bytes, options, waiters))
}

/// `compile` for bytes with this hash, but only from the registry or the disk cache: it never compiles.
pub fn compiled_before(hash: Hash, options: &CompileOptions) -> Option<Arc<Code>> {
    let none = |_: &_| Err(ErrorKind::Internal { message: "not compiled yet".to_owned() }.into());
    get(hash, 0, options, none).ok()
}

/// `compile` for a file. The file is read into memory only if it must be compiled. None if it cannot be read, or is not
/// a regular file.
///
/// # Errors
/// `Limit`, and the errors of `Compiled::new`.
pub fn compile_file(path: &Path, options: &CompileOptions) -> Result<Option<Arc<Code>>> {
    let Ok(size) = fs::metadata(path).map(|file| file.len()) else { return Ok(None) };
    options.limits.check_module(size)?;
    let Ok((hash, size)) = hash_file(path) else { return Ok(None) };
    options.limits.check_module(size)?;
    let mut changed = None;
    let code = get(hash, size, options, |waiters| match fs::read(path) {
        Ok(bytes) if self::hash(&bytes) == hash => Compiled::new(&bytes, options, waiters),
        // Another process has written or removed the file since it was hashed.
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

/// The hash of a file, and its size in bytes. Streams the file: code that is found by its hash does not need the bytes.
fn hash_file(path: &Path) -> io::Result<(Hash, u64)> {
    // Opening a pipe to hash it would consume it: the caller could not read it again.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok((*hasher.finalize().as_bytes(), hasher.count()))
}

/// The code of a module with the hash `bytes`; `make` compiles it.
fn get(
    bytes: Hash,
    size: u64,
    options: &CompileOptions,
    make: impl FnOnce(&Arc<Waiters>) -> Result<Compiled>,
) -> Result<Arc<Code>> {
    let CompileOptions { compiler, selection, tiers_up_from, reserve, cache_target, cancellation, limits } = options;
    let cancellation = cancellation.within(limits.time);
    let (compiler, tiers_up_from, reserve) = (*compiler, *tiers_up_from, *reserve);
    let key = Key { bytes, compiler, selection: selection.clone(), tiers_up_from, reserve };
    let entry = COMPILED.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default().clone();
    // Before the lock: a compile that another thread has cancelled goes on for this one.
    let waiting = entry.waiters.add(cancellation.clone());
    let mut known = entry.code.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.upgrade() {
        return limits.check_code(code.size as u64).map(|()| code);
    }
    let file = cache_target.as_ref().and_then(|cache_target| cache_target.file.as_deref());
    let cache_key = CacheKey { bytes, size, compiler, selection, tiers_up_from, reserve, file };
    let running = RunningCompile::new();
    // It may have been cancelled while it waited for another thread.
    let code = if cancellation.is_cancelled() {
        Err(cancelled())
    } else {
        let make = || make(&entry.waiters);
        through(cache_target.as_ref().map(|cache_target| &cache_target.cache), &cache_key, make)
    };
    match &code {
        Ok(code) => *known = Arc::downgrade(code),
        Err(_) if entry.waiters.have_cancelled() => {
            CANCELLED.fetch_add(1, Ordering::Relaxed);
        }
        Err(_) => {}
    }
    drop((known, waiting, running));
    drop(entry);
    forget_the_gone();
    match code {
        Ok(code) => limits.check_code(code.size as u64).map(|()| code),
        Err(_) if cancellation.is_late() => Err(limits.too_late()),
        Err(error) => Err(error),
    }
}

/// Code from the disk cache; else newly compiled, and written there.
fn through(
    cache: Option<&Cache>,
    cache_key: &CacheKey<'_>,
    make: impl FnOnce() -> Result<Compiled>,
) -> Result<Arc<Code>> {
    if let Some(found) = cache.and_then(|cache| cache.find(cache_key)) {
        // SAFETY: `find` gives an entry only if its key names this build and this processor, and its seal, made with
        // the secret of the folder, fits its bytes. Entries never change once they are written.
        let code = unsafe { Code::assemble(found, cache_key.bytes, cache_key.reserve) };
        if code.is_ok() {
            return code;
        }
    }
    let compiled = make()?;
    if let Some(cache) = cache {
        cache.keep(cache_key, &compiled);
    }
    // SAFETY: this process has just packed the image.
    unsafe { Code::assemble(compiled, cache_key.bytes, cache_key.reserve) }
}

/// Removes the entries of dropped code and of failed compiles. Linear in the number of entries, each of which has cost
/// a compile.
fn forget_the_gone() {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    compiled.retain(|_, entry| {
        // Another thread holds this entry, so it is compiling it.
        Arc::strong_count(entry) > 1 || entry.code.try_lock().map_or(true, |code| code.strong_count() > 0)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile::cancellation::Cancellation;

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

    /// Calls `get` for made-up bytes on a thread of its own.
    fn get_in_thread(
        cancellation: &Cancellation,
        make: impl FnOnce(&Arc<Waiters>) -> Result<Compiled> + Send + 'static,
    ) -> std::thread::JoinHandle<Result<Arc<Code>>> {
        let cancellation = cancellation.clone();
        let options = CompileOptions { cancellation, ..options(Compiler::Singlepass, Selection::None) };
        std::thread::spawn(move || get(MADE_UP, 0, &options, make))
    }

    const MADE_UP: Hash = [7; 32];

    fn wait_for_waiters(count: usize) {
        let found = || {
            let compiled = COMPILED.lock().unwrap();
            compiled.iter().find(|(key, _)| key.bytes == MADE_UP).map_or(0, |(_, entry)| entry.waiters.count())
        };
        while found() != count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_cancelled_compile_goes_on_for_another_thread_or_starts_again() {
        let bytes = wat::parse_str("(module (func (export \"waited for\")))").unwrap();
        let made = move |waiters: &Arc<Waiters>| {
            Compiled::new(&bytes, &options(Compiler::Singlepass, Selection::None), waiters)
        };
        // The first thread cancels while it compiles, and a second thread waits.
        let [first, second] = [(); 2].map(|()| Cancellation::default());
        let (flag, make) = (first.clone(), made.clone());
        let compiling = get_in_thread(&first, move |waiters| {
            wait_for_waiters(2);
            flag.cancel();
            make(waiters)
        });
        wait_for_waiters(1);
        let waiting = get_in_thread(&second, |_| panic!("the module is compiled twice"));
        let (code, same) = (compiling.join().unwrap().unwrap(), waiting.join().unwrap().unwrap());
        assert!(Arc::ptr_eq(&code, &same));
        drop((code, same));

        // The compile stops before the second thread asks for it.
        let (flag, make) = (second.clone(), made.clone());
        let (has_stopped, stop) = std::sync::mpsc::channel();
        let stopped = get_in_thread(&second, move |waiters| {
            flag.cancel();
            let stopped = make(waiters);
            has_stopped.send(()).unwrap();
            wait_for_waiters(2);
            stopped
        });
        stop.recv().unwrap();
        let third = get_in_thread(&Cancellation::default(), made);
        assert!(stopped.join().unwrap().is_err());
        assert!(third.join().unwrap().is_ok());
        forget_the_gone();
        wait_for_waiters(0);
    }
}
