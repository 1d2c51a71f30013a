//! Imported tables of which another instance has a copy: they are written there too.

use crate::engine::{TableCopy, note_imported_tables};
use crate::store::instance::entity::Instance;
use crate::store::{ExternRef, FuncRef, Reference, Store, TableId};
use wasmer::ExportIndex;
use wasmer::sys::vm::{VMExtern, VMInstance};
use wasmer_types::entity::packed_option::ReservedValue;
use wasmer_types::{FunctionIndex, InitExpr, InitExprOp};

impl Instance {
    /// Makes code of a new instance write its imported tables with their copies. Writes the segments for such tables:
    /// wasmer writes the same again, but only in the table, and then runs the start function, which may call through
    /// the copy.
    pub(in crate::store) fn write_table_copies(&self, store: &Store, vm: &mut VMInstance) {
        let ids: Vec<_> = self.contents.imported.tables.iter().map(|handle| TableId::of(store, *handle)).collect();
        let copies = ids.iter().map(|id| {
            let facts = id.facts(store);
            let definition = store.with_objects(|objects| facts.handle.get(objects).vmtable());
            facts.copy.map(|copy| TableCopy { definition, copy })
        });
        let copies: Box<[_]> = copies.collect();
        let copied: Vec<_> = copies.iter().map(Option::is_some).collect();
        // SAFETY: tables and copies lie in the contexts of the instances that define them. While this instance imports
        // a table, its code reads that context too, and the collector keeps the definer.
        unsafe { note_imported_tables(vm.vmctx_ptr(), copies) };
        if copied.contains(&true) {
            self.write_segments(store, vm, &ids, &copied);
        }
    }

    /// Writes the active segments for those of the first `tables` of the module that are `written`, up to the first segment
    /// that is out of bounds.
    pub(in crate::store) fn write_segments(
        &self,
        store: &Store,
        vm: &mut VMInstance,
        tables: &[TableId],
        written: &[bool],
    ) {
        let module = vm.module().clone();
        for segment in &module.table_initializers {
            let Some(first) = offset(store, vm, &segment.offset_expr) else { return };
            let table = segment.table_index.as_u32() as usize;
            let size = match tables.get(table) {
                Some(id) => id.size(store),
                None => module.tables[segment.table_index].minimum,
            };
            if first as usize + segment.elements.len() > size as usize {
                return;
            }
            if !written.get(table).is_some_and(|written| *written) {
                continue;
            }
            let null = match module.tables[segment.table_index].ty {
                wasmer::Type::FuncRef => Reference::Func(None),
                _ => Reference::Extern(ExternRef::default()),
            };
            for (entry, function) in (first..).zip(&segment.elements) {
                let written = match self.function_of(store, vm, *function) {
                    Some(function) if matches!(null, Reference::Func(_)) => tables[table].put(store, entry, function),
                    _ => tables[table].set(store, entry, null),
                };
                written.expect("the entries were found to be in bounds");
            }
        }
    }

    /// A function of the module; none for the index that stands for null.
    fn function_of(&self, store: &Store, vm: &mut VMInstance, index: FunctionIndex) -> Option<FuncRef> {
        if index.is_reserved_value() {
            return None;
        }
        if let Some(import) = self.contents.imports.get(index.as_u32() as usize) {
            return Some(*import);
        }
        let VMExtern::Function(handle) = vm.lookup_by_declaration(ExportIndex::Function(index)) else {
            unreachable!("asked for a function")
        };
        Some(FuncRef::take(store, handle))
    }
}

/// The value of an offset; none if it is no i32 of at least 0, as wasmer reads it.
pub(in crate::store) fn offset(store: &Store, vm: &mut VMInstance, expression: &InitExpr) -> Option<u32> {
    let mut stack: Vec<i32> = Vec::new();
    for operation in &expression.ops {
        let value = match *operation {
            InitExprOp::I32Const(value) => value,
            InitExprOp::GlobalGetI32(global) => match vm.lookup_by_declaration(ExportIndex::Global(global)) {
                VMExtern::Global(handle) => {
                    let definition = store.with_objects(|objects| handle.get(objects).vmglobal());
                    // SAFETY: the definition lives as long as its global, and the module says that it is an i32.
                    unsafe { definition.as_ref().val.i32 }
                }
                _ => unreachable!("asked for a global"),
            },
            _ => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                match operation {
                    InitExprOp::I32Add => left.wrapping_add(right),
                    InitExprOp::I32Sub => left.wrapping_sub(right),
                    InitExprOp::I32Mul => left.wrapping_mul(right),
                    _ => return None,
                }
            }
        };
        stack.push(value);
    }
    u32::try_from(stack.pop()?).ok()
}
