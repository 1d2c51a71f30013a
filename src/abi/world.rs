//! Typed functions of a WIT world, for a module without records: a guest that wit-bindgen made.

use super::parse::{function_of, text_of};
use super::record::TypedRecord;
use crate::wasm::DeclarationKind;
use wit_parser::{Function, Resolve, WorldItem, WorldKey};

/// The core module of functions that a world imports without an interface.
const ROOT: &str = "$root";

/// The typed functions of the one world in a WIT text.
///
/// # Errors
/// A message for text that does not parse, that has not one world, or whose types have no place here.
pub fn world(wit: &str) -> Result<Vec<TypedRecord>, String> {
    let mut resolve = Resolve::default();
    let has_package = wit.lines().any(|line| line.trim_start().starts_with("package "));
    let package = if has_package { "" } else { "package relink:plugin;\n" };
    let package = resolve.push_source("wit", &format!("{package}{wit}")).map_err(text_of)?;
    let mut worlds = resolve.packages[package].worlds.values();
    let (Some(world), None) = (worlds.next(), worlds.next()) else {
        return Err("expected one world".to_owned());
    };
    let world = &resolve.worlds[*world];
    let mut all = Vec::new();
    for (key, item) in &world.imports {
        for (interface, function) in functions(&resolve, key, item) {
            let module = interface.unwrap_or_else(|| ROOT.to_owned());
            add(&mut all, &resolve, DeclarationKind::Import, function.name.clone(), Some(module), function)?;
        }
    }
    for (key, item) in &world.exports {
        for (interface, function) in functions(&resolve, key, item) {
            let name = interface.map_or_else(|| function.name.clone(), |each| format!("{each}#{}", function.name));
            add(&mut all, &resolve, DeclarationKind::Export, name, None, function)?;
        }
    }
    Ok(all)
}

fn functions<'a>(resolve: &'a Resolve, key: &WorldKey, item: &'a WorldItem) -> Vec<(Option<String>, &'a Function)> {
    match item {
        WorldItem::Function(function) => vec![(None, function)],
        WorldItem::Interface { id, .. } => {
            let name = resolve.name_world_key(key);
            resolve.interfaces[*id].functions.values().map(|function| (Some(name.clone()), function)).collect()
        }
        WorldItem::Type { .. } => Vec::new(),
    }
}

fn add(
    all: &mut Vec<TypedRecord>,
    resolve: &Resolve,
    kind: DeclarationKind,
    name: String,
    module: Option<String>,
    function: &Function,
) -> Result<(), String> {
    let ty = function_of(resolve, function).map_err(|message| format!("\"{name}\": {message}"))?;
    all.push(TypedRecord::new(kind, name, module, ty));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_imports_and_exports() {
        let all = world(
            "interface log { say: func(text: string); }
             world plugin { import log; import now: func() -> u64; export run: func(name: string) -> string;
               export api: interface { get: func() -> u8; } }",
        )
        .unwrap();
        let names: Vec<_> = all.iter().map(|each| (each.module.as_deref(), each.name.as_str())).collect();
        assert_eq!(
            names,
            [(Some("relink:plugin/log"), "say"), (Some("$root"), "now"), (None, "run"), (None, "api#get")]
        );
        assert_eq!(world("interface a {}").unwrap_err(), "expected one world");
    }
}
