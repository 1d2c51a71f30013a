use crate::engine::alloc::addresses::can_reserve;
use wasmer::MemoryStyle;

/// How many addresses the memories of a module take, and so how its code keeps within them. It is compiled into the
/// code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reserve {
    /// All that an instruction can reach, 8 GiB: what is not there faults, and code checks nothing. Code needs memories
    /// like this.
    Full,
    /// Those of the bytes that there are, and of a guard: code compares each access with the length. It takes memories
    /// of either kind.
    Small,
}

/// The bytes behind a small memory that fault: with a smaller offset, code compares only the index.
pub(in crate::engine) const GUARD: usize = 65_536;

/// The addresses that processors of today have. A limit above this is none.
const ALL: u64 = 1 << 47;

impl Reserve {
    /// The one to take where nothing is said: small where the address space of this process is limited, or the system
    /// refuses the other by now.
    pub fn available() -> Self {
        let full = MemoryStyle::Static.offset_guard_size() as usize + MemoryStyle::static_bound().bytes().0;
        if is_limited() || !can_reserve(full) { Self::Small } else { Self::Full }
    }

    /// The one that the API calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "small" => Some(Self::Small),
            _ => None,
        }
    }

    /// The name that the API has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Small => "small",
        }
    }

    /// The engine's word for it.
    pub(in crate::engine) fn style(self) -> MemoryStyle {
        match self {
            Self::Full => MemoryStyle::Static,
            Self::Small => MemoryStyle::Dynamic { offset_guard_size: GUARD as u64 },
        }
    }

    /// That of a memory which is not shared.
    pub(in crate::engine) fn of_style(style: MemoryStyle) -> Self {
        match style {
            MemoryStyle::Static => Self::Full,
            MemoryStyle::Dynamic { .. } => Self::Small,
        }
    }
}

/// Whether someone has limited the addresses of this process.
#[cfg(unix)]
fn is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain call, which writes into `limit`.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
    known && limit.rlim_cur < ALL
}

#[cfg(not(unix))]
fn is_limited() -> bool {
    false
}
