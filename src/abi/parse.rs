//! Types from WIT text.

use super::function_type::{FunctionType, Parameter};
use super::value_type::{Case, Field, TypeKind, ValueType};
use std::collections::HashSet;
use wit_parser::{Docs, Function, Resolve, Type, TypeDefKind, TypeId};

/// How deep types may be nested.
const MOST_DEPTH: usize = 64;

/// How many types a function may have, counted once for each place where one stands.
const MOST_TYPES: usize = 4096;

/// The name of the type that is a string with JSON text.
const JSON: &str = "json";

/// The type of the one function of a WIT interface.
///
/// # Errors
/// A message for text that is not one interface with one function, and for types that have no place here.
pub fn function(wit: &str) -> Result<FunctionType, String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("record", &format!("package relink:plugin;\n{wit}")).map_err(text_of)?;
    let mut interfaces = resolve.packages[package].interfaces.values();
    let (Some(interface), None) = (interfaces.next(), interfaces.next()) else {
        return Err("expected one interface".to_owned());
    };
    let mut functions = resolve.interfaces[*interface].functions.values();
    let (Some(function), None) = (functions.next(), functions.next()) else {
        return Err("expected one function in the interface".to_owned());
    };
    function_of(&resolve, function)
}

/// The words of an error of the parser, which may have several lines.
pub fn text_of(error: impl std::fmt::Debug + std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let words: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    words.join(" ")
}

/// The type of a function.
///
/// # Errors
/// As `function`.
pub fn function_of(resolve: &Resolve, function: &Function) -> Result<FunctionType, String> {
    let mut types = WitTypes { resolve, count: 0 };
    let parameters = function.params.iter().map(|parameter| {
        let ty = types.value(&parameter.ty, 0).map_err(|message| format!("{}: {message}", parameter.name))?;
        Ok(Parameter { name: parameter.name.clone(), ty })
    });
    let parameters: Vec<_> = parameters.collect::<Result<_, String>>()?;
    check_names("parameter", parameters.iter().map(|parameter| &parameter.name))?;
    let result = function.result.as_ref().map(|ty| types.value(ty, 0)).transpose();
    let result = result.map_err(|message| format!("result: {message}"))?;
    Ok(FunctionType { name: function.name.clone(), docs: docs(&function.docs), parameters, result })
}

/// Refuses two equal names in one place, which the parser lets through. As in a component, letter case does not count.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(format!("two {what}s have the name \"{name}\""));
        }
    }
    Ok(())
}

fn docs(docs: &Docs) -> Option<String> {
    docs.contents.clone()
}

/// The types of one function.
struct WitTypes<'a> {
    resolve: &'a Resolve,
    count: usize,
}

impl WitTypes<'_> {
    fn value(&mut self, ty: &Type, depth: usize) -> Result<ValueType, String> {
        use TypeKind as K;
        if depth >= MOST_DEPTH {
            return Err(format!("types are nested more than {MOST_DEPTH} deep"));
        }
        self.count += 1;
        if self.count > MOST_TYPES {
            return Err(format!("the function has more than {MOST_TYPES} types"));
        }
        let kind = match ty {
            Type::Bool => K::Bool,
            Type::S8 => K::S8,
            Type::U8 => K::U8,
            Type::S16 => K::S16,
            Type::U16 => K::U16,
            Type::S32 => K::S32,
            Type::U32 => K::U32,
            Type::S64 => K::S64,
            Type::U64 => K::U64,
            Type::F32 => K::F32,
            Type::F64 => K::F64,
            Type::Char => K::Char,
            Type::String => K::String,
            Type::ErrorContext => return Err("values of type error-context cannot be passed".to_owned()),
            Type::Id(id) => return self.defined(*id, depth),
        };
        ValueType::new(kind)
    }

    fn defined(&mut self, id: TypeId, depth: usize) -> Result<ValueType, String> {
        use TypeDefKind as D;
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        let kind = match &definition.kind {
            D::Type(Type::String) if definition.name.as_deref() == Some(JSON) => TypeKind::Json,
            D::Type(ty) => return self.value(ty, depth + 1),
            D::List(element) => TypeKind::List { element: self.boxed(element, depth)? },
            D::FixedLengthList(element, length) => {
                TypeKind::FixedList { element: self.boxed(element, depth)?, length: *length }
            }
            D::Option(element) => TypeKind::Option { element: self.boxed(element, depth)? },
            D::Result(result) => TypeKind::Result {
                ok: result.ok.as_ref().map(|ty| self.boxed(ty, depth)).transpose()?,
                err: result.err.as_ref().map(|ty| self.boxed(ty, depth)).transpose()?,
            },
            D::Record(record) => {
                check_names("field", record.fields.iter().map(|field| &field.name))?;
                let fields = record.fields.iter().map(|field| {
                    let ty = self.value(&field.ty, depth + 1)?;
                    Ok(Field { name: field.name.clone(), docs: docs(&field.docs), ty })
                });
                TypeKind::Record { fields: fields.collect::<Result<_, String>>()? }
            }
            D::Tuple(tuple) => {
                let elements = tuple.types.iter().map(|ty| self.value(ty, depth + 1));
                TypeKind::Tuple { elements: elements.collect::<Result<_, _>>()? }
            }
            D::Variant(variant) => {
                check_names("case", variant.cases.iter().map(|case| &case.name))?;
                let cases = variant.cases.iter().map(|case| {
                    let ty = case.ty.as_ref().map(|ty| self.value(ty, depth + 1)).transpose()?;
                    Ok(Case { name: case.name.clone(), docs: docs(&case.docs), ty })
                });
                TypeKind::Variant { cases: cases.collect::<Result<_, String>>()? }
            }
            D::Enum(all) => {
                check_names("case", all.cases.iter().map(|case| &case.name))?;
                let cases =
                    all.cases.iter().map(|case| Case { name: case.name.clone(), docs: docs(&case.docs), ty: None });
                TypeKind::Enum { cases: cases.collect() }
            }
            D::Flags(all) => {
                check_names("flag", all.flags.iter().map(|flag| &flag.name))?;
                let flags =
                    all.flags.iter().map(|flag| Case { name: flag.name.clone(), docs: docs(&flag.docs), ty: None });
                TypeKind::Flags { flags: flags.collect() }
            }
            other => return Err(format!("values of type {} cannot be passed", other.as_str())),
        };
        Ok(ValueType { name: definition.name.clone(), docs: docs(&definition.docs), ..ValueType::new(kind)? })
    }

    fn boxed(&mut self, ty: &Type, depth: usize) -> Result<Box<ValueType>, String> {
        self.value(ty, depth + 1).map(Box::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::differences;
    use crate::wasm::ValType;
    use wit_parser::SizeAlign;
    use wit_parser::abi::{AbiVariant, WasmType};

    const ORDER: &str = "interface discount {
        /// One line of an order.
        record item { name: string, price: u64, kinds: list<u8> }
        enum colour { red, green }
        flags rights { read, write, %list, a4, a5, a6, a7, a8, a9 }
        variant problem { empty, too-many(u32), named(tuple<string, f64, s8>), other(option<f32>) }
        type json = string;
        record order { items: list<item>, colour: colour, rights: rights, note: option<string>, at: f64, grid: list<u16, 3>,
          extra: json, both: result<u8, problem>, none: result, yes: bool, c: char }
        /// The discount.
        discount: func(order: order, by: s64, small: u8) -> result<u64, problem>;
        }";

    fn core(types: &[WasmType]) -> Vec<ValType> {
        let one = |ty: &WasmType| match ty {
            WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
            WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
            WasmType::F32 => ValType::F32,
            WasmType::F64 => ValType::F64,
        };
        types.iter().map(one).collect()
    }

    /// Compares the layouts of a function's types with those of the parser's own crate.
    fn check_layouts(wit: &str) {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("test", &format!("package relink:plugin;\n{wit}")).unwrap();
        let interface = resolve.packages[package].interfaces[0];
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        for parsed in resolve.interfaces[interface].functions.values() {
            let own = function_of(&resolve, parsed).unwrap();
            for (parameter, expected) in own.parameters.iter().zip(&parsed.params) {
                let (size, align) = (sizes.size(&expected.ty), sizes.align(&expected.ty));
                let layout = &parameter.ty.layout;
                assert_eq!(layout.size as usize, size.size_wasm32(), "size of {}", parameter.ty);
                assert_eq!(layout.align as usize, align.align_wasm32(), "alignment of {}", parameter.ty);
                if let (TypeKind::Record { fields }, Type::Id(id)) = (&parameter.ty.kind, &expected.ty) {
                    let TypeDefKind::Record(record) = &resolve.types[*id].kind else { panic!() };
                    let offsets = sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                    let offsets: Vec<u32> = offsets.iter().map(|(offset, _)| offset.size_wasm32() as u32).collect();
                    assert_eq!(layout.offsets, offsets, "{} fields", fields.len());
                }
            }
            for (variant, ty) in [(AbiVariant::GuestImport, own.lowered()), (AbiVariant::GuestExport, own.lifted())] {
                let expected = resolve.wasm_signature(variant, parsed);
                assert_eq!(*ty.parameters, core(&expected.params), "{own}");
                assert_eq!(*ty.results, core(&expected.results), "{own}");
            }
        }
    }

    #[test]
    fn layouts_are_those_of_the_canonical_abi() {
        check_layouts(ORDER);
        check_layouts(
            "interface many {
            variant wide { a(u64), b(f32), c(string), d(tuple<f64, f64>) }
            record pair { a: wide, b: option<wide> }
            flags three { a, b, c }
            flags many { a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8, c1 }
            f-none: func();
            scalars: func(a: bool, b: s8, c: u16, d: f32, e: f64, f: char) -> bool;
            sixteen: func(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: string, j: string, k: string, l: string)
              -> f64;
            seventeen: func(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: string, j: string, k: string,
              l: string, m: u64) -> string;
            f-wide: func(a: wide, b: pair, c: option<option<u64>>, d: result<f32, s32>, e: result<_, f64>) -> option<u8>;
            sets: func(a: three, b: many, c: list<many>) -> three;
            arrays: func(a: list<u8, 16>, b: list<string, 2>) -> list<u64, 1>;
            big: func(a: list<u8, 17>) -> tuple<u8>;
            }",
        );
    }

    #[test]
    fn a_type_has_its_names_and_docs() {
        let function = function(ORDER).unwrap();
        assert_eq!(function.docs.as_deref(), Some("The discount."));
        let json = serde_json::to_value(&function).unwrap();
        let order = &json["parameters"][0]["type"];
        assert_eq!((order["kind"].as_str(), order["name"].as_str()), (Some("record"), Some("order")));
        let item = &order["fields"][0]["type"]["element"];
        assert_eq!(item["docs"], "One line of an order.");
        assert_eq!(item["offsets"], serde_json::json!([0, 8, 16]));
        assert_eq!(order["fields"][6]["type"]["kind"], "json");
        assert_eq!(order["fields"][2]["type"]["flags"][2]["name"], "list");
    }

    #[test]
    fn differences_name_their_places() {
        let (from, other) = (function(ORDER).unwrap(), ORDER.replace("price: u64", "price: u32, note: string"));
        let other = other.replace("red, green", "green, red").replace("too-many(u32)", "too-many");
        let list = differences(&from, &function(&other).unwrap());
        assert_eq!(
            list,
            [
                "order.items[]: the field \"note\" is not expected",
                "order.items[].price: expected u64, got u32",
                "order.colour: expected the cases in the order \"red\", \"green\", got \"green\", \"red\"",
                "order.both.err.too-many: expected u32, got no value",
                "result.err.too-many: expected u32, got no value",
            ]
        );
        let renamed = ORDER.replace("item ", "line ").replace("list<item>", "list<line>").replace("One line", "A line");
        assert_eq!(differences(&from, &function(&renamed).unwrap()), [] as [String; 0]);
    }

    #[test]
    fn a_name_stands_once() {
        let refusal = |ty: &str| function(&format!("interface a {{ {ty} f: func(x: t); }}")).unwrap_err();
        assert_eq!(refusal("variant t { one, two(u8), one(u8) }"), "x: two cases have the name \"one\"");
        assert_eq!(refusal("enum t { one, ONE }"), "x: two cases have the name \"ONE\"");
        assert_eq!(refusal("record t { one: u8, one: u16 }"), "x: two fields have the name \"one\"");
        assert_eq!(refusal("flags t { one, one }"), "x: two flags have the name \"one\"");
        assert!(function("interface a { f: func(x: u8, x: u8); }").is_err());
    }

    #[test]
    fn what_has_no_place_here_is_refused() {
        let refusal = |text: &str| function(text).unwrap_err();
        assert!(refusal("interface a { f: func(x: nothing); }").contains("nothing"));
        assert_eq!(refusal("interface a { f: func(); g: func(); }"), "expected one function in the interface");
        assert!(refusal("interface a { resource r; f: func(x: borrow<r>); }").contains("x: values of type borrow"));
        assert!(refusal("interface a { f: func() -> future<u8>; }").contains("result: values of type future"));
        let mut deep = "interface a { record r0 { a: u8 }".to_owned();
        (1..70).for_each(|depth| deep += &format!(" record r{depth} {{ a: r{} }}", depth - 1));
        assert_eq!(refusal(&format!("{deep} f: func(x: r69); }}")), "x: types are nested more than 64 deep");
        let mut wide = "interface a { record r0 { a: u8 }".to_owned();
        (1..20).for_each(|depth| wide += &format!(" record r{depth} {{ a: r{}, b: r{0} }}", depth - 1));
        assert_eq!(refusal(&format!("{wide} f: func(x: r19); }}")), "x: the function has more than 4096 types");
        assert!(refusal("interface a { f: func(x: list<list<u64, 1000>, 1000>); }").contains("1000 elements"));
    }
}
