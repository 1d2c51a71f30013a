//! How a module uses each of its functions, tables and globals.

use super::Binary;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    ConstExpr, ElementItems, ElementKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TableInit,
};

/// How exports, segments, initializers and code use the functions, tables and globals of a module.
#[derive(Debug, Default)]
pub struct Uses {
    /// By function index
    pub functions: Vec<Use>,
    /// The element segments, in order
    pub segments: Vec<Segment>,
    /// The tables from which code reads references, which it may then store elsewhere
    pub read_tables: BTreeSet<u32>,
    /// The tables whose entries code writes
    pub written_tables: BTreeSet<u32>,
    /// The tables that code grows
    pub grown_tables: BTreeSet<u32>,
    /// The globals that code writes
    pub written_globals: BTreeSet<u32>,
    /// By table, the types by which code calls its entries, as type indices
    pub call_sites: BTreeMap<u32, BTreeSet<u32>>,
}

/// How one function is used.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Code calls it directly
    pub called: bool,
    /// It is exported
    pub exported: bool,
    /// An element segment lists it
    pub listed: bool,
    /// Code takes a reference to it
    pub referenced: bool,
    /// An initializer of a global or a table takes a reference to it
    pub held: bool,
    /// It returns its one parameter and does nothing else
    pub identity: bool,
}

impl Use {
    /// Whether it is used as a value.
    pub fn taken(self) -> bool {
        self.exported || self.listed || self.referenced || self.held
    }
}

/// An element segment.
#[derive(Debug)]
pub struct Segment {
    /// The table that an active segment fills, and its first entry if the offset is constant
    pub target: Option<(u32, Option<u32>)>,
    /// Its functions; none for an item that is null or that only the instance knows
    pub functions: Vec<Option<u32>>,
}

impl Uses {
    /// Reads the module that `binary` describes.
    ///
    /// # Errors
    /// `InvalidWasm` for bytes that `Binary::parse` would not accept.
    pub fn read(bytes: &[u8], binary: &Binary) -> Result<Self> {
        let mut uses = Self { functions: vec![Use::default(); binary.functions.len()], ..Self::default() };
        let mut defined = binary.imported_functions;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TableSection(reader) => {
                    for table in reader {
                        if let TableInit::Expr(init) = table?.init {
                            uses.hold(&init)?;
                        }
                    }
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        uses.hold(&global?.init_expr)?;
                    }
                }
                Payload::ExportSection(reader) => {
                    for export in reader {
                        let export = export?;
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                            uses.of(export.index).exported = true;
                        }
                    }
                }
                Payload::ElementSection(reader) => {
                    for element in reader {
                        let element = element?;
                        let functions = functions(element.items)?;
                        for function in functions.iter().flatten() {
                            uses.of(*function).listed = true;
                        }
                        let target = match element.kind {
                            ElementKind::Active { table_index, offset_expr } => {
                                Some((table_index.unwrap_or(0), constant(&offset_expr)?))
                            }
                            ElementKind::Passive | ElementKind::Declared => None,
                        };
                        uses.segments.push(Segment { target, functions });
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let ty = binary.function_type(defined);
                    let endomorphism = ty.parameters.len() == 1 && ty.parameters == ty.results;
                    uses.of(defined).identity = endomorphism && gives_its_parameter(&body);
                    uses.code(&body)?;
                    defined += 1;
                }
                _ => {}
            }
        }
        Ok(uses)
    }

    /// The functions that active segments are known to leave in each table, by entry. A later segment overwrites an earlier
    /// one. A segment without a constant offset may overwrite all earlier ones, so these are then unknown.
    pub fn tables(&self) -> BTreeMap<u32, BTreeMap<u32, Option<u32>>> {
        let mut tables: BTreeMap<u32, BTreeMap<u32, Option<u32>>> = BTreeMap::new();
        for segment in &self.segments {
            let Some((table, offset)) = segment.target else { continue };
            let entries = tables.entry(table).or_default();
            let Some(offset) = offset else {
                entries.clear();
                continue;
            };
            for (position, function) in segment.functions.iter().enumerate() {
                if let Some(entry) = offset.checked_add(position as u32) {
                    entries.insert(entry, *function);
                }
            }
        }
        tables
    }

    /// By function, a table entry that holds it from the start. In Rust, this entry is the address of the function.
    pub fn entries(&self) -> BTreeMap<u32, u32> {
        let mut entries = BTreeMap::new();
        for (entry, function) in self.tables().into_values().flatten() {
            if let Some(function) = function {
                entries.entry(function).or_insert(entry);
            }
        }
        entries
    }

    fn of(&mut self, function: u32) -> &mut Use {
        &mut self.functions[function as usize]
    }

    fn hold(&mut self, initializer: &ConstExpr<'_>) -> Result<()> {
        let mut reader = initializer.get_operators_reader();
        while !reader.eof() {
            if let Operator::RefFunc { function_index } = reader.read()? {
                self.of(function_index).held = true;
            }
        }
        Ok(())
    }

    fn code(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    self.of(function_index).called = true;
                }
                Operator::CallIndirect { type_index, table_index }
                | Operator::ReturnCallIndirect { type_index, table_index } => {
                    self.call_sites.entry(table_index).or_default().insert(type_index);
                }
                Operator::RefFunc { function_index } => self.of(function_index).referenced = true,
                Operator::TableGet { table } => {
                    self.read_tables.insert(table);
                }
                Operator::TableCopy { src_table, dst_table } => {
                    self.read_tables.insert(src_table);
                    self.written_tables.insert(dst_table);
                }
                Operator::TableSet { table } | Operator::TableFill { table } | Operator::TableInit { table, .. } => {
                    self.written_tables.insert(table);
                }
                Operator::TableGrow { table } => {
                    self.grown_tables.insert(table);
                }
                Operator::GlobalSet { global_index } => {
                    self.written_globals.insert(global_index);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn functions(items: ElementItems<'_>) -> Result<Vec<Option<u32>>> {
    match items {
        ElementItems::Functions(functions) => functions.into_iter().map(|index| Ok(Some(index?))).collect(),
        ElementItems::Expressions(_, expressions) => {
            let item = |expression: wasmparser::Result<ConstExpr<'_>>| {
                Ok(match expression?.get_operators_reader().read()? {
                    Operator::RefFunc { function_index } => Some(function_index),
                    _ => None,
                })
            };
            expressions.into_iter().map(item).collect()
        }
    }
}

/// The value of an expression that is one constant.
fn constant(expression: &ConstExpr<'_>) -> Result<Option<u32>> {
    let mut reader = expression.get_operators_reader();
    Ok(match (reader.read()?, reader.read()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value.cast_unsigned()),
        _ => None,
    })
}

/// Whether a function with this body is an identity function: no locals, `local.get 0`, and in unoptimized code a
/// `return`.
fn gives_its_parameter(body: &FunctionBody<'_>) -> bool {
    matches!(body.as_bytes(), [0, 0x20, 0, 0x0b] | [0, 0x20, 0, 0x0f, 0x0b])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Features;

    fn uses(text: &str) -> Uses {
        let bytes = wat::parse_str(text).unwrap();
        Uses::read(&bytes, &Binary::parse(&bytes, Features::EVERYTHING).unwrap()).unwrap()
    }

    #[test]
    fn each_use_of_a_function_is_found() {
        let uses = uses(
            r#"(module
                (import "env" "exported" (func $exported))
                (import "env" "called" (func $called))
                (func $listed)
                (func $expressed)
                (func $held)
                (func $unused)
                (export "exported" (func $exported))
                (table $t 4 funcref)
                (table $u 4 funcref)
                (global funcref (ref.func $held))
                (elem (table $t) (i32.const 1) func $listed $listed)
                (elem (table $u) (i32.const 2) funcref (ref.null func) (ref.func $expressed))
                (elem funcref (ref.func $expressed))
                (func (param i64) (result i64) local.get 0)
                (func call $called ref.func $held drop (table.get $u (i32.const 0)) drop))"#,
        );
        let none = Use::default();
        assert_eq!(uses.functions[0], Use { exported: true, ..none });
        assert_eq!(uses.functions[1], Use { called: true, ..none });
        assert_eq!(uses.functions[2], Use { listed: true, ..none });
        assert_eq!(uses.functions[3], Use { listed: true, ..none });
        assert_eq!(uses.functions[4], Use { held: true, referenced: true, ..none });
        assert_eq!(uses.functions[5], none);
        assert_eq!(uses.functions[6], Use { identity: true, ..none });
        assert_eq!(uses.segments[0].target, Some((0, Some(1))));
        assert_eq!(uses.segments[1].target, Some((1, Some(2))));
        assert_eq!(uses.segments[1].functions, [None, Some(3)]);
        assert_eq!(uses.segments[2].target, None);
        assert_eq!(Vec::from_iter(uses.entries()), [(2, 1), (3, 3)]);
        assert_eq!(Vec::from_iter(uses.read_tables), [1]);
    }

    #[test]
    fn the_types_of_indirect_calls_are_known_by_table() {
        let uses = uses(
            "(module (type (func)) (type (func (result i32))) (table $t 1 funcref) (table $u 1 funcref) (table $none 1 funcref)
                (func (call_indirect $t (type 0) (i32.const 0)) (drop (call_indirect $t (type 1) (i32.const 0))))
                (func (result i32) (call_indirect $t (type 0) (i32.const 0)) (call_indirect $u (type 1) (i32.const 0))))",
        );
        let sites = uses.call_sites.into_iter().map(|(table, types)| (table, Vec::from_iter(types)));
        assert_eq!(Vec::from_iter(sites), [(0, vec![0, 1]), (1, vec![1])]);
    }

    #[test]
    fn a_segment_of_unknown_offset_makes_the_entries_before_it_unknown() {
        let uses = uses(
            r#"(module
                (import "env" "o" (global $o i32))
                (table $t 8 funcref) (table $u 8 funcref)
                (func $f) (func $g)
                (elem (table $t) (i32.const 0) func $f $f $g)
                (elem (table $t) (i32.const 1) func $g)
                (elem (table $u) (i32.const 0) func $f)
                (elem (table $u) (global.get $o) func $g)
                (elem (table $u) (i32.add (i32.const 1) (i32.const 1)) func $g)
                (elem (table $u) (i32.const 5) func $g)
                (func (table.set $u (i32.const 0) (ref.null func)) (table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 0))))"#,
        );
        let known = |table| Vec::from_iter(uses.tables()[&table].clone());
        assert_eq!(known(0), [(0, Some(0)), (1, Some(1)), (2, Some(1))]);
        assert_eq!(known(1), [(5, Some(1))]);
        assert_eq!(Vec::from_iter(uses.entries()), [(0, 0), (1, 1)]);
        assert_eq!(Vec::from_iter(uses.written_tables), [0, 1]);
        assert_eq!(Vec::from_iter(uses.read_tables), [1]);
    }

    #[test]
    fn an_identity_function_has_one_parameter_and_no_other_code() {
        let uses = uses(
            "(module (func (param i32) (result i32) local.get 0 return nop) (func (param i32 i32) (result i32) local.get 0) (func (param i32) (result i32) i32.const 1)
                (func (param i32) (result i32) (local i32) local.get 0))",
        );
        assert!(uses.functions.iter().all(|each| !each.identity));
    }
}
