//! References to functions, to values of the host and to exceptions.

use crate::store::{FuncRef, RawValue};
use std::error::Error;
use std::fmt;
use wasmer::sys::vm::{TableElement, VMExternRef};

/// A table element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// A funcref
    Func(Option<FuncRef>),
    /// An externref
    Extern(ExternRef),
}

/// An externref: the number that the host gave to one of its values. wasm never interprets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExternRef(
    /// 0 is null
    pub u32,
);

impl ExternRef {
    /// The raw value that compiled code passes.
    pub fn to_raw(self) -> RawValue {
        RawValue { externref: self.0 as usize }
    }

    /// The reference in a raw value that compiled code passed.
    ///
    /// # Safety
    /// `raw` is a value of type externref.
    pub unsafe fn from_raw(raw: RawValue) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { raw.externref } as u32)
    }

    pub(in crate::store) fn element(self) -> TableElement {
        // SAFETY: the engine treats the reference as an opaque number too. It dereferences one only in functions of its
        // own API that this crate never calls.
        TableElement::ExternRef(unsafe { VMExternRef::from_raw(self.to_raw()) })
    }

    pub(in crate::store) fn from_element(element: Option<VMExternRef>) -> Self {
        // SAFETY: `element` made the reference from a raw externref, so `into_raw` gives that one back.
        element.map_or_else(Self::default, |reference| unsafe { Self::from_raw(reference.into_raw()) })
    }
}

/// An exception of a store. Valid until `free_all` frees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionRef(pub(in crate::store) u32);

impl fmt::Display for ExceptionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a WebAssembly exception")
    }
}

/// Lets `Thrown` carry it through code that cannot catch exceptions.
impl Error for ExceptionRef {}
