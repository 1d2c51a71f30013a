//! The permissions of a link, which the caller gives.

/// The permissions that the caller of a link gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Link a slot whose function stands for several
    pub merged: bool,
    /// Link a function of any type by which code calls the entries of the slot's table
    pub call_sites: bool,
    /// Link a function of another memory although the declared Rust types have pointers
    pub pointers: bool,
}

impl Allowed {
    /// The permissions in the bits of a number, as `lib/` passes them.
    pub fn from_bits(bits: u64) -> Self {
        Self { merged: bits & 1 != 0, call_sites: bits & 2 != 0, pointers: bits & 4 != 0 }
    }
}
