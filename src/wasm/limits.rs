//! Limits of WebAssembly and of its engines. `lib/options/limits.js` has the limits for arguments.

/// Size of a page of memory, in bytes.
pub const PAGE_SIZE: usize = 65_536;

/// Number of pages that 32-bit addresses reach.
pub const MOST_PAGES: usize = 65_536;

/// The most entries that a table may have: V8's limit. wasmer has no limit for growing tables, and ends the process
/// when memory runs out.
pub const MOST_ENTRIES: u32 = 10_000_000;
