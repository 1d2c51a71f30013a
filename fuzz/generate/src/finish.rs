//! Additions to the modules of wasm-smith: function names, custom sections, declared slots, fuel that can be refilled, and
//! unique import names.

use crate::random::Random;
use std::borrow::Cow;
use std::collections::HashSet;
use std::error::Error;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CustomSection, ExportSection, ImportSection, NameMap, NameSection, RawSection};
use wasmparser::{CompositeInnerType, FuncType, Import, Parser, Payload, TypeRef, ValType};

/// The contents of a module up to its functions.
#[derive(Default)]
struct ModuleOutline<'a> {
    types: Vec<FuncType>,
    imports: Vec<Import<'a>>,
    /// Type index of each function, the imported ones first
    functions: Vec<u32>,
    exports: Vec<wasmparser::Export<'a>>,
    has_start: bool,
}

impl ModuleOutline<'_> {
    fn imported_functions(&self) -> usize {
        self.imports.iter().filter(|import| matches!(import.ty, TypeRef::Func(_))).count()
    }
}

/// The module with these additions; none if it imports a tag.
pub fn finish(bytes: &[u8], fuel: u32, random: &mut Random) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let outline = outline(bytes)?;
    if outline.imports.iter().any(|import| matches!(import.ty, TypeRef::Tag(_))) {
        return Ok(None);
    }
    let declared = if outline.has_start { None } else { declared(&outline, random) };
    let mut module = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Some((id, range)) = payload?.as_section() else { continue };
        custom(&mut module, random);
        match id {
            2 => {
                module.section(&imports(&outline, declared, random)?);
            }
            7 => {
                module.section(&exports(&outline, declared, fuel));
            }
            _ => {
                module.section(&RawSection { id, data: &bytes[range.start as usize..range.end as usize] });
            }
        }
    }
    if !random.once_in(4) {
        module.section(&names(outline.functions.len(), random));
    }
    custom(&mut module, random);
    Ok(Some(module.finish()))
}

fn outline(bytes: &[u8]) -> Result<ModuleOutline<'_>, Box<dyn Error>> {
    let mut outline = ModuleOutline::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for ty in group?.into_types() {
                        if let CompositeInnerType::Func(ty) = ty.composite_type.inner {
                            outline.types.push(ty);
                        }
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    if let TypeRef::Func(ty) = import.ty {
                        outline.functions.push(ty);
                    }
                    outline.imports.push(import);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    outline.functions.push(ty?);
                }
            }
            Payload::ExportSection(reader) => outline.exports = reader.into_iter().collect::<Result<_, _>>()?,
            Payload::StartSection { .. } => outline.has_start = true,
            _ => {}
        }
    }
    Ok(outline)
}

/// An imported function and a defined one of the same type, as the two sides of a declared slot. On an engine without slots,
/// JavaScript connects them. So JavaScript must support all the types, and there must be no start function, which would run
/// before JavaScript has the instance.
fn declared(outline: &ModuleOutline<'_>, random: &mut Random) -> Option<(u32, u32)> {
    let imported = outline.imported_functions();
    let ty = |function: usize| &outline.types[outline.functions[function] as usize];
    let mut pairs = Vec::new();
    for import in 0..imported {
        let numbers = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
        if ty(import).params().iter().chain(ty(import).results()).all(numbers) {
            let originals = (imported..outline.functions.len()).filter(|original| ty(*original) == ty(import));
            pairs.extend(originals.map(|original| (import as u32, original as u32)));
        }
    }
    if pairs.is_empty() || random.once_in(4) { None } else { Some(pairs[random.below(pairs.len())]) }
}

const DECLARED: &str = "guest::declared";

/// The imports with unique names, since the value for a name can have only one type.
fn imports(
    outline: &ModuleOutline<'_>,
    declared: Option<(u32, u32)>,
    random: &mut Random,
) -> Result<ImportSection, Box<dyn Error>> {
    let mut section = ImportSection::new();
    let mut names = HashSet::new();
    let mut function = 0;
    for import in &outline.imports {
        let is_function = matches!(import.ty, TypeRef::Func(_));
        let ty = RoundtripReencoder.entity_type(import.ty)?;
        if is_function && declared.is_some_and(|(import, _)| import == function) {
            section.import("relink", DECLARED, ty);
        } else {
            let plain = random.once_in(2);
            let mut name = if plain { Cow::from("f") } else { Cow::from(import.name) };
            while !names.insert((import.module, name.clone())) {
                name = format!("{name}{}", names.len()).into();
            }
            section.import(import.module, &name, ty);
        }
        function += u32::from(is_function);
    }
    Ok(section)
}

/// The exports, with the fuel and the original of a declared slot.
fn exports(outline: &ModuleOutline<'_>, declared: Option<(u32, u32)>, fuel: u32) -> ExportSection {
    let mut section = ExportSection::new();
    for export in &outline.exports {
        section.export(export.name, export.kind.into(), export.index);
    }
    let taken = |name: &str| outline.exports.iter().any(|export| export.name == name);
    if !taken("fuel") {
        section.export("fuel", wasm_encoder::ExportKind::Global, fuel);
    }
    if let Some((_, original)) = declared {
        section.export(&format!("relink:{DECLARED}"), wasm_encoder::ExportKind::Func, original);
    }
    section
}

/// Names for some functions, as rustc and other compilers write them; some twice, some for functions that do not exist.
fn names(functions: usize, random: &mut Random) -> NameSection {
    let mut map = NameMap::new();
    for index in 0..functions as u32 + u32::from(random.once_in(8)) {
        let number = random.below(12);
        let name = match random.below(6) {
            0 => continue,
            1 => format!("_ZN5guest7pricing1{}17h{:016x}E", char::from(b'a' + number as u8), random.next()),
            2 => format!("_RINvCs1234_5guest1{}mEB2_", char::from(b'a' + number as u8)),
            3 => format!("guest::module{number}::function"),
            4 => format!("func[{number}]"),
            _ => format!("name{number}"),
        };
        map.append(index, &name);
    }
    let mut section = NameSection::new();
    section.module("generated");
    section.functions(&map);
    section
}

/// Adds a custom section, at random.
fn custom(module: &mut wasm_encoder::Module, random: &mut Random) {
    if random.once_in(8) {
        let length = random.below(20);
        let (name, data) = (format!("custom {}", random.below(3)), random.bytes(length));
        module.section(&CustomSection { name: name.into(), data: data.into() });
    }
}
