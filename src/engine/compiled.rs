//! The code that this process has compiled, so that no thread compiles a module again that another has.

use super::code::Code;
use super::compiler::Compiler;
use crate::error::Result;
use crate::rewrite::Selection;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// What tells two compiles apart: the bytes, by their hash, and how they are compiled.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    bytes: [u8; 32],
    compiler: Compiler,
    selection: Selection,
}

/// One compile: locked while it goes on, so that whoever wants the same waits for it.
type Entry = Arc<Mutex<Weak<Code>>>;

static COMPILED: LazyLock<Mutex<HashMap<Key, Entry>>> = LazyLock::new(Mutex::default);

/// Code for these bytes: what some thread of this process still has of them, or newly compiled.
///
/// # Errors
/// Those of `Code::compile`.
pub fn compile(bytes: &[u8], compiler: Compiler, selection: &Selection) -> Result<Arc<Code>> {
    let key = Key { bytes: *blake3::hash(bytes).as_bytes(), compiler, selection: selection.clone() };
    let entry = COMPILED.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default().clone();
    let mut known = entry.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(code) = known.upgrade() {
        return Ok(code);
    }
    let compiled = Code::compile(bytes, compiler, selection);
    if let Ok(code) = &compiled {
        *known = Arc::downgrade(code);
    }
    drop(known);
    forget_the_gone();
    compiled
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

    #[test]
    fn the_same_bytes_are_compiled_once() {
        let bytes = wat::parse_str("(module (func (export \"f\")))").unwrap();
        let same = |selection| compile(&bytes, Compiler::Singlepass, &selection).unwrap();
        let first = same(Selection::None);
        assert!(Arc::ptr_eq(&first, &same(Selection::None)));
        assert!(!Arc::ptr_eq(&first, &same(Selection::All)));
        assert!(!Arc::ptr_eq(&first, &compile(&bytes, Compiler::Cranelift, &Selection::None).unwrap()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let bytes = bytes.clone();
                std::thread::spawn(move || compile(&bytes, Compiler::Cranelift, &Selection::Default).unwrap())
            })
            .collect();
        let codes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(codes.iter().all(|code| Arc::ptr_eq(code, &codes[0])));
    }

    #[test]
    fn what_nobody_has_is_forgotten() {
        let bytes = wat::parse_str("(module (func (export \"gone\")))").unwrap();
        let key = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
        drop(compile(&bytes, Compiler::Singlepass, &Selection::None).unwrap());
        assert!(compile(b"bad", Compiler::Singlepass, &Selection::None).is_err());
        forget_the_gone();
        let compiled = COMPILED.lock().unwrap();
        assert!(compiled.keys().all(|each| each.bytes != key(&bytes) && each.bytes != key(b"bad")));
    }
}
