//! Layouts and core types, compared with those of `wit-parser`, which is another implementation of the canonical ABI.

use relinkable::Type;
use relinkable::abi::{Abi, Core, Interface, Parameter, Shape, Wit};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, SizeAlign};

#[derive(Type)]
#[allow(dead_code)]
struct Scalars {
    a: u8,
    b: i64,
    c: bool,
    d: f32,
    e: char,
    f: f64,
    g: i16,
}

#[derive(Type)]
#[allow(dead_code)]
enum Data {
    Nothing,
    Small(u8),
    Float(f32),
    Double(f64),
    Text(String),
    Pair(u8, u64),
    Named { a: u16, b: Option<u32> },
}

#[derive(Type)]
#[allow(dead_code)]
enum Floats {
    One(f32),
    Two(f32, f32),
}

#[derive(Type)]
#[allow(dead_code)]
enum Plain {
    A,
    B,
}

#[derive(Type)]
#[relinkable(flags)]
#[allow(dead_code)]
struct Nine {
    a: bool,
    b: bool,
    c: bool,
    d: bool,
    e: bool,
    f: bool,
    g: bool,
    h: bool,
    i: bool,
}

#[derive(Type)]
#[relinkable(name = "renamed")]
#[allow(dead_code)]
struct Alias(Data);

#[derive(Type)]
#[allow(dead_code)]
struct Two(u8, Vec<Plain>);

/// Keywords of WIT as names.
#[derive(Type)]
#[allow(dead_code)]
struct Record {
    r#type: u8,
    list: Nine,
    own: Floats,
}

/// The function of a record, as `wit-parser` reads it.
fn parse(interface: &Interface<'_>, text: &[u8]) -> (Resolve, Function) {
    assert_eq!(text.len(), interface.length());
    let text = std::str::from_utf8(text).unwrap().replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
    let mut resolve = Resolve::default();
    let package = resolve
        .push_source("record", &format!("package relink:plugin;\n{text}"))
        .unwrap_or_else(|error| panic!("{text}\n{error:?}"));
    let (_, interface) = resolve.packages[package].interfaces.first().unwrap();
    let function = resolve.interfaces[*interface].functions.first().unwrap().1.clone();
    (resolve, function)
}

fn core(ty: &WasmType) -> Core {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => Core::I32,
        WasmType::I64 | WasmType::PointerOrI64 => Core::I64,
        WasmType::F32 => Core::F32,
        WasmType::F64 => Core::F64,
    }
}

/// The core types of one shape, in both implementations.
fn same_core(resolve: &Resolve, function: &Function, variant: AbiVariant, ours: impl Fn(usize) -> u8, result: u8) {
    let signature = resolve.wasm_signature(variant, function);
    let theirs: Vec<u8> = signature.params.iter().map(|ty| core(ty) as u8).collect();
    let mut ours: Vec<u8> = (0..17).map(ours).collect();
    while ours.last() == Some(&(Core::Absent as u8)) {
        ours.pop();
    }
    assert_eq!(ours, theirs, "{variant:?} of {function:?}");
    assert_eq!(result, signature.results.first().map_or(Core::Absent, core) as u8, "{variant:?} of {function:?}");
}

fn same_function<const N: usize>(abi: &Abi<N>, resolve: &Resolve, function: &Function) {
    same_core(resolve, function, AbiVariant::GuestImport, |index| abi.lowered(index), abi.lowered_result());
    same_core(resolve, function, AbiVariant::GuestExport, |index| abi.lifted(index), abi.lifted_result());
}

/// A function that takes each type, and returns it.
macro_rules! same {
    ($($ty:ty),* $(,)?) => {$({
        const INTERFACE: Interface<'static> = Interface {
            before: "",
            name: "take",
            docs: "Takes a value.\n\n\"Quoted\" \\ text.",
            parameters: &[Parameter { name: "value", wit: <$ty as Type>::WIT_WITHOUT_RECURSION }],
            result: <$ty as Type>::WIT_WITHOUT_RECURSION,
            after: "",
        };
        const TEXT: [u8; INTERFACE.length()] = INTERFACE.bytes();
        let (resolve, function) = parse(&INTERFACE, &TEXT);
        let shape = <$ty as Type>::SHAPE;
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let ty = &function.params[0].ty;
        assert_eq!(shape.size, sizes.size(ty).size_wasm32(), "size of {}", stringify!($ty));
        assert_eq!(shape.align, sizes.align(ty).align_wasm32(), "alignment of {}", stringify!($ty));
        same_function(&Abi::new([shape], shape), &resolve, &function);
    })*};
}

#[test]
fn each_type() {
    same!(
        u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, char, usize, String, Vec<u8>, Vec<Data>, Option<u8>,
        Option<u64>, Option<Option<String>>, Result<u8, String>, Result<(), u64>, Result<f64, ()>, Result<(), ()>,
        (u8, u64), (u64, u8), (String, bool, f32), [u8; 3], [u64; 5], [String; 2], [Data; 2], [u8; 40], Box<Data>,
        Scalars, Data, Floats, Plain, Nine, Alias, Two, Record, Vec<Vec<Option<Scalars>>>,
        (u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, char, bool),
    );
}

#[test]
fn parameters_that_go_through_memory() {
    const SHAPES: [Shape; 4] =
        [<Scalars as Type>::SHAPE, <Data as Type>::SHAPE, <Record as Type>::SHAPE, <String as Type>::SHAPE];
    const INTERFACE: Interface<'static> = Interface {
        before: "",
        name: "data",
        docs: "",
        parameters: &[
            Parameter { name: "a", wit: <Scalars as Type>::WIT_WITHOUT_RECURSION },
            Parameter { name: "b", wit: <Data as Type>::WIT_WITHOUT_RECURSION },
            Parameter { name: "from", wit: <Record as Type>::WIT_WITHOUT_RECURSION },
            Parameter { name: "d", wit: <String as Type>::WIT_WITHOUT_RECURSION },
        ],
        result: &Wit::Unit,
        after: "",
    };
    const TEXT: [u8; INTERFACE.length()] = INTERFACE.bytes();
    let (resolve, function) = parse(&INTERFACE, &TEXT);
    let abi = Abi::new(SHAPES, Shape::UNIT);
    assert!(abi.parameters.flat.len() > 16);
    same_function(&abi, &resolve, &function);
    let text = String::from_utf8_lossy(&TEXT);
    assert!(text.contains("variant data-type"), "the type `data` is renamed, since the function has its name: {text}");
}

#[test]
fn an_enum_of_many_cases_has_a_wider_discriminant() {
    let shape = |cases: usize| Shape::variant(&vec![Shape::UNIT; cases]).size;
    assert_eq!([shape(1), shape(256), shape(257), shape(65_536), shape(65_537)], [1, 1, 2, 2, 4]);
}
