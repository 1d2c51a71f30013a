//! The externrefs that a store holds.

use crate::store::gc::edges::{global_node, table_node};
use crate::store::object::exception::values;
use crate::store::{ExternRef, Node, Store};
use wasmer::Type;
use wasmer::sys::vm::{StoreObject, TableElement, VMExceptionObj};

impl ExternRef {
    /// Calls `visit` for each externref in a table or global, with the node of that object, and with no node for each in an
    /// exception, and for each number on the stack of a suspended call, which may be that of an externref.
    pub fn each(store: &Store, mut visit: impl FnMut(Option<Node>, ExternRef)) {
        store.each_suspended_number(|number| visit(None, ExternRef(number)));
        store.with_objects(|objects| {
            for (handle, _) in store.tables.borrow().all() {
                let table = handle.get(objects);
                let elements = if table.ty().ty == Type::ExternRef { table.size() } else { 0 };
                let node = table_node(store, handle);
                for index in 0..elements {
                    if let Some(TableElement::ExternRef(entry)) = table.get(index) {
                        visit(node, ExternRef::from_element(entry));
                    }
                }
            }
            for (handle, _) in store.globals.borrow().all() {
                let global = handle.get(objects);
                if global.ty().ty == Type::ExternRef {
                    // SAFETY: the definition lives as long as its global, which has type externref.
                    let reference = unsafe { ExternRef::from_raw((*global.vmglobal().as_ptr()).val) };
                    visit(global_node(store, handle), reference);
                }
            }
            for exception in VMExceptionObj::list(objects) {
                for (ty, value) in values(objects, exception) {
                    if ty == Type::ExternRef {
                        // SAFETY: the value has type externref.
                        visit(None, unsafe { ExternRef::from_raw(value) });
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::store::test_support::{compile, instantiate, new_store};
    use crate::store::{ExceptionRef, GlobalId, TagId};
    use crate::wasm::{FuncType, GlobalType, RefType, ValType};

    #[test]
    fn externrefs_are_found_in_tables_globals_and_exceptions() {
        let store = new_store();
        let extern_type = ValType::Ref(RefType::Extern);
        let text = r#"(module (table (export "table") 2 externref))"#;
        let instance = instantiate(&store, &compile(text, Compiler::Cranelift), Vec::new()).unwrap();
        let table = instance.table(&store, 0);
        table.set(&store, 1, crate::store::Reference::Extern(ExternRef(5))).unwrap();
        let global = GlobalId::new(&store, GlobalType { value: extern_type, mutable: true }, ExternRef(6).to_raw());
        let tag = TagId::new(&store, &FuncType { parameters: [extern_type].into(), ..FuncType::default() });
        ExceptionRef::new(&store, tag, &[ExternRef(7).to_raw()]);
        let mut found = Vec::new();
        ExternRef::each(&store, |node, reference| found.push((node, reference.0)));
        found.retain(|(_, number)| *number != 0);
        let own = Some(Node::Instance(instance.id));
        assert_eq!(found, [(own, 5), (global.node(&store), 6), (None, 7)]);
    }
}
