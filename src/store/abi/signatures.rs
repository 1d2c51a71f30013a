//! The function types of a store.

use crate::engine::function_type;
use crate::error::{ErrorKind, Result};
use crate::wasm::FuncType;
use std::collections::HashMap;
use std::rc::Rc;
use wasmer::sys::vm::VMSignatureHash;

/// The function types of a store, by the hash that `call_indirect` compares.
///
/// wasmer compares 32-bit hashes, and engines do not know each other's types. Two types with one hash would pass the
/// check of `call_indirect`, so the store refuses a module with such a type.
#[derive(Default)]
pub struct Signatures {
    by_hash: HashMap<VMSignatureHash, Rc<FuncType>>,
}

impl Signatures {
    /// Registers `ty`, and returns its hash.
    ///
    /// # Errors
    /// `SignatureHash` if another type has the same hash.
    pub fn register(&mut self, ty: &FuncType) -> Result<VMSignatureHash> {
        self.insert(VMSignatureHash::new(function_type(ty).signature_hash()), ty)
    }

    fn insert(&mut self, hash: VMSignatureHash, ty: &FuncType) -> Result<VMSignatureHash> {
        let known = self.by_hash.entry(hash).or_insert_with(|| Rc::new(ty.clone()));
        if **known == *ty {
            return Ok(hash);
        }
        Err(ErrorKind::SignatureHash { first: known.to_string(), second: ty.to_string() }.into())
    }

    /// The type with this hash.
    pub fn get(&self, hash: VMSignatureHash) -> Option<Rc<FuncType>> {
        self.by_hash.get(&hash).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::ValType;

    #[test]
    fn a_collision_is_refused_and_changes_nothing() {
        let one = FuncType { parameters: [ValType::I32].into(), ..FuncType::default() };
        let seven = VMSignatureHash::new(7);
        let mut signatures = Signatures::default();
        assert_eq!(signatures.insert(seven, &one).unwrap(), seven);
        assert_eq!(signatures.insert(seven, &one).unwrap(), seven, "the same type again is no collision");
        let error = signatures.insert(seven, &FuncType::default()).unwrap_err();
        assert_eq!(error.code().0, "ERR_RELINK_SIGNATURE_HASH");
        assert_eq!(*signatures.get(seven).unwrap(), one);
    }
}
