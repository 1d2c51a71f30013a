use crate::store::{FuncRef, RawValue};
use wasmer::sys::vm::{TableElement, VMExternRef};

/// A reference, as a table holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// To a function
    Func(Option<FuncRef>),
    /// To a value of the host
    Extern(ExternRef),
}

/// A reference to a value of the host, by a number that the host gave it. wasm passes it around and
/// never looks behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExternRef(
    /// 0 is null
    pub u32,
);

impl ExternRef {
    /// As compiled code passes it.
    pub fn to_raw(self) -> RawValue {
        RawValue { externref: self.0 as usize }
    }

    /// What compiled code passed.
    ///
    /// # Safety
    /// `raw` is a value of type externref.
    pub unsafe fn from_raw(raw: RawValue) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { raw.externref } as u32)
    }

    pub(in crate::store) fn element(self) -> TableElement {
        // SAFETY: for the engine the reference is an opaque number too; it looks behind one only in
        // calls of its own API, which no one here makes.
        TableElement::ExternRef(unsafe { VMExternRef::from_raw(self.to_raw()) })
    }

    pub(in crate::store) fn from_element(element: Option<VMExternRef>) -> Self {
        // SAFETY: this is how `element` made it.
        element.map_or_else(Self::default, |reference| unsafe { Self::from_raw(reference.into_raw()) })
    }
}
