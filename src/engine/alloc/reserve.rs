//! `Reserve`: the address space that memories reserve, and the bounds checks that follow from it.

use crate::engine::alloc::addresses::can_reserve;
use crate::engine::alloc::limits::is_limited;
use wasmer::MemoryStyle;

/// Address space that the memories of a module reserve. Compiled code depends on it for its bounds checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reserve {
    /// 8 GiB, all that an instruction can reach: code has no bounds checks, and accesses out of bounds fault. Such code
    /// can use only such memories.
    Full,
    /// The bytes of the memory and a guard: code compares each access with the length. Such code can use memories of
    /// either kind.
    Small,
}

/// Guard after a small memory, in bytes. If the offset of an access is smaller, code compares only its index.
pub(in crate::engine) const GUARD: usize = 65_536;

impl Reserve {
    /// The default: small where the address space of this process is limited, or the system now refuses to map so much;
    /// else full.
    pub fn available() -> Self {
        let full = MemoryStyle::Static.offset_guard_size() as usize + MemoryStyle::static_bound().bytes().0;
        if is_limited() || !can_reserve(full) { Self::Small } else { Self::Full }
    }

    /// The reserve that the API calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "small" => Some(Self::Small),
            _ => None,
        }
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Small => "small",
        }
    }

    /// wasmer's memory style for it.
    pub(in crate::engine) fn style(self) -> MemoryStyle {
        match self {
            Self::Full => MemoryStyle::Static,
            Self::Small => MemoryStyle::Dynamic { offset_guard_size: GUARD as u64 },
        }
    }

    /// The reserve of an unshared memory with this style.
    pub(in crate::engine) fn of_style(style: MemoryStyle) -> Self {
        match style {
            MemoryStyle::Static => Self::Full,
            MemoryStyle::Dynamic { .. } => Self::Small,
        }
    }
}
