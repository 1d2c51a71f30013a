//! The names of functions.

use crate::rewrite::SlotKind;
use crate::wasm::{Binary, ExternKind, ExternType, function_names, path};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The names of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its stable name
    pub name: String,
    /// Its Rust path, or its name in the name section
    pub path: Option<String>,
    /// Its other names, including its index
    pub aliases: Vec<String>,
    /// The names under which it is exported
    pub exports: Vec<String>,
}

impl Named {
    /// The names of the functions that the compiler merged into this slot's function; empty if it merged none. An import that
    /// is exported under two names is still one import.
    pub fn merged(&self, kind: SlotKind) -> &[String] {
        if kind == SlotKind::Function && self.exports.len() > 1 { &self.exports } else { &[] }
    }
}

/// The stable names of a module's functions. They are unique.
///
/// The name is the first of these that exists: the declared name, the export name, `module.field` of an import, the Rust
/// path, `func[index]`. If several functions have a claim to a name, the kind that is first in this list gets it, and the
/// others get a number: `guest::max#2`.
#[derive(Debug)]
pub struct Names<'a> {
    /// The names of declared slots, each with its import
    declared: &'a BTreeMap<String, Option<u32>>,
    by_import: HashMap<u32, &'a str>,
    exports: HashMap<u32, Vec<&'a str>>,
    imports: Vec<String>,
    paths: HashMap<u32, Cow<'a, str>>,
    /// The number that tells a function from others with its name
    numbers: HashMap<u32, u32>,
}

/// The kind of a function's name; smaller kinds have precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Declared,
    Export,
    Import,
    Path,
}

impl<'a> Names<'a> {
    /// Names the functions of `binary`. `section` is its name section, and `declared` has the names of declared slots, each
    /// with its import.
    pub fn new(binary: &'a Binary, section: Option<&'a [u8]>, declared: &'a BTreeMap<String, Option<u32>>) -> Self {
        let mut exports: HashMap<u32, Vec<&str>> = HashMap::new();
        for export in binary.exports.iter().filter(|export| export.kind == ExternKind::Function) {
            exports.entry(export.index).or_default().push(&export.name);
        }
        let functions = binary.imports.iter().filter(|import| matches!(import.ty, ExternType::Function(_)));
        let imports = functions.map(|import| format!("{}.{}", import.module, import.name)).collect();
        let count = binary.functions.len() as u32;
        let symbols = section.map(function_names).unwrap_or_default().into_iter();
        let paths = symbols
            .filter(|(index, symbol)| *index < count && !symbol.is_empty())
            .map(|(index, symbol)| (index, path(symbol)));
        let by_import = declared.iter().filter_map(|(name, import)| Some(((*import)?, name.as_str()))).collect();
        let mut names = Self { declared, by_import, exports, imports, paths: paths.collect(), numbers: HashMap::new() };
        names.number(count);
        names
    }

    /// Numbers functions with the same name.
    fn number(&mut self, count: u32) {
        let mut groups: HashMap<&str, Vec<(Claim, u32)>> = HashMap::new();
        for function in 0..count {
            if let Some((claim, base)) = self.base(function) {
                groups.entry(base).or_default().push((claim, function));
            }
        }
        // A declared slot without callers has a name, but no import.
        for (name, _) in self.declared.iter().filter(|(_, import)| import.is_none()) {
            groups.entry(name).or_default().push((Claim::Declared, u32::MAX));
        }
        let mut numbers = HashMap::new();
        for (base, group) in &mut groups {
            // `func[3]` is always function 3, even if a name looks like it.
            let by_index = base.starts_with("func[");
            if group.len() == 1 && !by_index {
                continue;
            }
            group.sort_unstable();
            let first_keeps_name = !by_index && group[0].0 < Claim::Path;
            for (position, (_, function)) in group.iter().enumerate().skip(usize::from(first_keeps_name)) {
                numbers.insert(*function, position as u32 + 1);
            }
        }
        // A name in the file may look like a numbered one, so the number is raised until the name is free.
        let bases: HashSet<&str> = groups.keys().copied().collect();
        let mut numbered: Vec<_> = numbers.iter_mut().collect();
        numbered.sort_unstable_by_key(|(function, number)| (**number, **function));
        let mut free: HashMap<&str, u32> = HashMap::new();
        for (function, number) in numbered {
            let Some((_, base)) = self.base(*function) else { continue };
            let free = free.entry(base).or_default();
            *number = (*number).max(*free);
            while bases.contains(format!("{base}#{number}").as_str()) {
                *number += 1;
            }
            *free = *number + 1;
        }
        self.numbers = numbers;
    }

    /// The name that a function has a claim to, and the kind of claim.
    fn base(&self, function: u32) -> Option<(Claim, &str)> {
        if let Some(name) = self.by_import.get(&function) {
            return Some((Claim::Declared, name));
        }
        if let Some(names) = self.exports.get(&function) {
            return Some((Claim::Export, names[0]));
        }
        if let Some(name) = self.imports.get(function as usize) {
            return Some((Claim::Import, name));
        }
        self.paths.get(&function).map(|path| (Claim::Path, &**path))
    }

    /// The names of function `function`.
    pub fn of(&self, function: u32) -> Named {
        let index = format!("func[{function}]");
        let path = self.paths.get(&function).map(|path| path.clone().into_owned());
        let exports: Vec<String> =
            self.exports.get(&function).into_iter().flatten().map(|name| (*name).to_owned()).collect();
        let name = match (self.base(function), self.numbers.get(&function)) {
            (Some((_, base)), Some(number)) => format!("{base}#{number}"),
            (Some((_, base)), None) => base.to_owned(),
            (None, _) => index.clone(),
        };
        // Export names are unique.
        let mut aliases: Vec<String> = exports.iter().filter(|alias| **alias != name).cloned().collect();
        let import = self.imports.get(function as usize);
        // A path that several functions share names none of them.
        let own_path = path.as_ref().filter(|_| !self.numbers.contains_key(&function));
        for alias in import.into_iter().chain(own_path).chain([&index]) {
            if *alias != name && !aliases.contains(alias) {
                aliases.push(alias.clone());
            }
        }
        Named { name, path, aliases, exports }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::Features;

    fn names(text: &str) -> Vec<Named> {
        let bytes = wat::parse_str(text).unwrap();
        let binary = Binary::parse(&bytes, Features::EVERYTHING).unwrap();
        let section = binary.custom_sections.iter().find(|(name, _)| name == "name").map(|(_, range)| range.clone());
        let declared = BTreeMap::new();
        let names = Names::new(&binary, section.map(|range| &bytes[range]), &declared);
        (0..binary.functions.len() as u32).map(|function| names.of(function)).collect()
    }

    fn stable(text: &str) -> Vec<String> {
        names(text).into_iter().map(|named| named.name).collect()
    }

    #[test]
    fn the_best_claim_decides() {
        let all = names(
            r#"(module (import "env" "price" (func $price)) (func $a::b (export "first") (export "second"))
                (func $_ZN5guest3max17h0123456789abcdefE) (func))"#,
        );
        let stable: Vec<_> = all.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(stable, ["env.price", "first", "guest::max", "func[3]"]);
        assert_eq!(all[1].path.as_deref(), Some("a::b"));
        assert_eq!(all[1].aliases, ["second", "a::b", "func[1]"]);
        assert_eq!(all[1].exports, ["first", "second"]);
        assert_eq!(all[0].aliases, ["price", "func[0]"]);
        assert!(all[3].aliases.is_empty());
    }

    #[test]
    fn no_two_functions_have_the_same_name() {
        // Two instances of a generic function under the legacy mangling.
        let text = "(module (func $_ZN1a1b17h0000000000000001E) (func $_ZN1a1b17h0000000000000002E))";
        assert_eq!(stable(text), ["a::b#1", "a::b#2"]);
        // An export shadows a path.
        assert_eq!(stable(r#"(module (func $add) (func (export "add")))"#), ["add#2", "add"]);
        // Names that look as if they had a number.
        let text = r#"(module (func $a::b#2) (func $_ZN1a1b17h0000000000000001E)
            (func $_ZN1a1b17h0000000000000002E) (func (export "func[4]")) (func))"#;
        assert_eq!(stable(text), ["a::b#2", "a::b#1", "a::b#3", "func[4]#1", "func[4]"]);
        // The numbers 1 and 2 are in other functions' names.
        let text = r#"(module (func $f#1) (func (export "f")) (func $f#2) (func $_ZN1f17h0000000000000001E)
            (func $_ZN1f17h0000000000000002E))"#;
        assert_eq!(stable(text), ["f#1", "f", "f#2", "f#3", "f#4"]);
        // One import, twice.
        assert_eq!(stable(r#"(module (import "a" "b" (func)) (import "a" "b" (func)))"#), ["a.b", "a.b#2"]);
    }
}
