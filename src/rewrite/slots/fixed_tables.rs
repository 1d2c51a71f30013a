//! Tables of fixed size whose maximum is raised.
//!
//! wasmer copies the entries of a funcref table of fixed size into each instance that defines one, which makes calls faster.
//! The store writes table and copy, and so does code of other instances (`engine::alloc::table_copies`). But after each write
//! by the instance's own code, and after each segment, wasmer copies the whole table again.

use crate::wasm::{Binary, RefType, TableType, Uses};

/// Maximum number of entries of a table that is copied into each instance.
const MOST_COPIED: u64 = 1 << 16;

/// Maximum number of segments for a table that is copied: wasmer copies it again for each segment.
const MOST_SEGMENTS: usize = 8;

/// Whether a table has a fixed size and needs a raised maximum, so that wasmer makes no copies of it.
pub(in crate::rewrite) fn needs_room(binary: &Binary, uses: &Uses, table: u32) -> bool {
    let ty = &binary.tables[table as usize];
    let segments = uses.segments.iter().filter(|segment| segment.target.is_some_and(|(each, _)| each == table));
    is_fixed(ty)
        && (ty.limits.minimum > MOST_COPIED || uses.written_tables.contains(&table) || segments.count() > MOST_SEGMENTS)
}

/// Whether wasmer copies this table into each instance.
fn is_fixed(ty: &TableType) -> bool {
    ty.element == RefType::Func && ty.limits.maximum == Some(ty.limits.minimum)
}
