//! The manifest: a JSON document that says which modules a store has, and what their slots hold.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt;

/// Most characters of a label, as of every commit.
const MOST_CHARACTERS: usize = 1000;

/// A mistake in a manifest.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct Mistake {
    /// The JSON path of the item, like `$.links[0].slot`
    pub path: String,
    /// The expected value, and the one that came
    pub message: String,
}

/// Checks the text of a manifest. The result has the modules in an order in which each comes after those that it imports.
///
/// # Errors
/// All mistakes.
pub fn check_manifest(text: &str) -> Result<Value, Vec<Mistake>> {
    let node: JsonNode = serde_json::from_str(text)
        .map_err(|error| vec![Mistake { path: "$".into(), message: format!("invalid JSON: {error}") }])?;
    let mut check = Check::default();
    let manifest = check.manifest(&node);
    if check.mistakes.is_empty() { Ok(manifest) } else { Err(check.mistakes) }
}

/// A value of JSON. Unlike serde_json's own, an object keeps a name that stands twice.
enum JsonNode {
    Null,
    Bool,
    Number(Option<u64>),
    Text(String),
    List(Vec<JsonNode>),
    Object(Vec<(String, JsonNode)>),
}

impl JsonNode {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for JsonNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = JsonNode;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<JsonNode, E> {
        Ok(JsonNode::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<JsonNode, E> {
        Ok(JsonNode::Bool)
    }

    fn visit_u64<E>(self, number: u64) -> Result<JsonNode, E> {
        Ok(JsonNode::Number(Some(number)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonNode, E> {
        Ok(JsonNode::Number(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonNode, E> {
        Ok(JsonNode::Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonNode, E> {
        Ok(JsonNode::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonNode, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(JsonNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<JsonNode, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(JsonNode::Object(object))
    }
}

/// The JSON path of a member.
fn member(path: &str, name: &str) -> String {
    let is_plain = !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_' || each == '$');
    if is_plain { format!("{path}.{name}") } else { format!("{path}[{}]", json!(name)) }
}

/// A module, with its imports of other modules.
struct Module<'a> {
    name: &'a str,
    imports: Vec<(&'a str, &'a str)>,
    json: Value,
}

#[derive(Default)]
struct Check {
    mistakes: Vec<Mistake>,
}

impl Check {
    fn mistake(&mut self, path: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: path.to_owned(), message: message.into() });
    }

    fn manifest(&mut self, node: &JsonNode) -> Value {
        let Some(top) = self.object("$", node, &["$schema", "version", "label", "modules", "links"]) else {
            return Value::Null;
        };
        match get(top, "version") {
            Some(JsonNode::Number(Some(1))) => {}
            Some(other) => self.mistake("$.version", format!("expected the number 1, got {}", other.kind())),
            None => self.mistake("$", "expected a member \"version\""),
        }
        if let Some(schema) = get(top, "$schema") {
            self.text("$.$schema", schema);
        }
        let label = get(top, "label").and_then(|label| self.label(label));
        let modules = match get(top, "modules") {
            Some(modules) => self.modules(modules),
            None => {
                self.mistake("$", "expected a member \"modules\"");
                return Value::Null;
            }
        };
        let names = modules.iter().map(|module| module.name).collect();
        let links = get(top, "links").map_or_else(Vec::new, |links| self.links(links, &names));
        let ordered = self.ordered(&modules);
        json!({ "label": label, "modules": ordered, "links": links })
    }

    /// The members of an object, without any name that is not `known` or stands twice.
    fn object<'a>(&mut self, path: &str, node: &'a JsonNode, known: &[&str]) -> Option<&'a [(String, JsonNode)]> {
        let entries = self.entries(path, node)?;
        for (name, _) in entries.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            self.mistake(&member(path, name), format!("unknown member; expected one of \"{}\"", known.join("\", \"")));
        }
        Some(entries)
    }

    /// The members of an object of any names.
    fn entries<'a>(&mut self, path: &str, node: &'a JsonNode) -> Option<&'a [(String, JsonNode)]> {
        let JsonNode::Object(entries) = node else {
            self.mistake(path, format!("expected an object, got {}", node.kind()));
            return None;
        };
        let mut names = HashSet::new();
        for (name, _) in entries {
            if !names.insert(name) {
                self.mistake(&member(path, name), "this name stands twice in one object");
            }
        }
        Some(entries)
    }

    fn text<'a>(&mut self, path: &str, node: &'a JsonNode) -> Option<&'a str> {
        match node {
            JsonNode::Text(text) if !text.is_empty() => Some(text),
            JsonNode::Text(_) => {
                self.mistake(path, "expected a string that is not empty");
                None
            }
            _ => {
                self.mistake(path, format!("expected a string, got {}", node.kind()));
                None
            }
        }
    }

    fn label<'a>(&mut self, node: &'a JsonNode) -> Option<&'a str> {
        let label = self.text("$.label", node)?;
        // As JavaScript counts, so that `relink` agrees.
        let count = label.encode_utf16().count();
        if count <= MOST_CHARACTERS {
            return Some(label);
        }
        self.mistake("$.label", format!("expected at most {MOST_CHARACTERS} characters, got {count}"));
        None
    }

    /// A required member that is a text.
    fn required<'a>(&mut self, path: &str, object: &'a [(String, JsonNode)], name: &str) -> Option<&'a str> {
        if let Some(node) = get(object, name) {
            return self.text(&member(path, name), node);
        }
        self.mistake(path, format!("expected a member \"{name}\""));
        None
    }

    fn modules<'a>(&mut self, node: &'a JsonNode) -> Vec<Module<'a>> {
        let entries = self.entries("$.modules", node).unwrap_or_default();
        entries.iter().map(|(name, node)| self.module(name, node)).collect()
    }

    fn module<'a>(&mut self, name: &'a str, node: &'a JsonNode) -> Module<'a> {
        let path = member("$.modules", name);
        let none = Module { name, imports: Vec::new(), json: Value::Null };
        if name.is_empty() {
            self.mistake(&path, "expected a name that is not empty");
        }
        let Some(object) = self.object(&path, node, &["file", "sha256", "imports"]) else { return none };
        let file = self.required(&path, object, "file");
        if file.is_some_and(|file| file.contains('\0')) {
            self.mistake(&member(&path, "file"), "expected a path without zero characters");
        }
        let sha256 = self.required(&path, object, "sha256");
        if sha256.is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|each| each.is_ascii_hexdigit())) {
            self.mistake(&member(&path, "sha256"), "expected the 64 hexadecimal digits of a SHA-256 hash");
        }
        let path = member(&path, "imports");
        let entries = get(object, "imports").and_then(|imports| self.entries(&path, imports)).unwrap_or_default();
        let imports: Vec<_> = entries
            .iter()
            .filter_map(|(namespace, from)| Some((namespace.as_str(), self.text(&member(&path, namespace), from)?)))
            .collect();
        let sha256 = sha256.map(str::to_ascii_lowercase);
        let json = json!({ "name": name, "file": file, "sha256": sha256, "imports": imports });
        Module { name, imports, json }
    }

    fn links(&mut self, node: &JsonNode, names: &HashSet<&str>) -> Vec<Value> {
        let JsonNode::List(list) = node else {
            self.mistake("$.links", format!("expected an array, got {}", node.kind()));
            return Vec::new();
        };
        let mut slots = HashSet::new();
        let mut links = Vec::with_capacity(list.len());
        for (index, node) in list.iter().enumerate() {
            let path = format!("$.links[{index}]");
            let Some(object) = self.object(&path, node, &["module", "slot", "from", "function"]) else { continue };
            let [module, slot, from, function] =
                ["module", "slot", "from", "function"].map(|name| self.required(&path, object, name));
            for (field, name) in [("module", module), ("from", from)] {
                if let Some(name) = name.filter(|name| !names.contains(name)) {
                    self.mistake(&member(&path, field), format!("\"modules\" has no module {}", json!(name)));
                }
            }
            if let (Some(module), Some(slot)) = (module, slot)
                && !slots.insert((module, slot))
            {
                self.mistake(
                    &member(&path, "slot"),
                    format!("slot {} of {} is linked twice", json!(slot), json!(module)),
                );
            }
            links.push(json!({ "module": module, "slot": slot, "from": from, "function": function }));
        }
        links
    }

    /// The modules, each after those that it imports.
    fn ordered(&mut self, modules: &[Module]) -> Vec<Value> {
        let mut done = HashSet::new();
        let mut ordered = Vec::with_capacity(modules.len());
        let is_ready = |module: &Module, done: &HashSet<&str>| {
            let mut others = module.imports.iter().map(|(_, from)| *from);
            others.all(|from| done.contains(from) || modules.iter().all(|each| each.name != from))
        };
        loop {
            let ready = modules.iter().filter(|module| !done.contains(module.name) && is_ready(module, &done));
            let ready: Vec<_> = ready.collect();
            if ready.is_empty() {
                break;
            }
            for module in ready {
                done.insert(module.name);
                ordered.push(module.json.clone());
            }
        }
        for module in modules.iter().filter(|module| !done.contains(module.name)) {
            if let Some((namespace, ring)) = ring_of(module, modules) {
                let path = member(&member(&member("$.modules", module.name), "imports"), namespace);
                self.mistake(&path, format!("the modules import each other in a ring: {}", ring.join(" → ")));
            }
        }
        ordered
    }
}

fn get<'a>(object: &'a [(String, JsonNode)], name: &str) -> Option<&'a JsonNode> {
    object.iter().find(|(each, _)| each == name).map(|(_, node)| node)
}

/// A shortest ring of imports through a module: the namespace of its first import, and the names of the modules.
fn ring_of<'a>(module: &'a Module<'a>, modules: &'a [Module<'a>]) -> Option<(&'a str, Vec<&'a str>)> {
    let mut seen = HashSet::new();
    let mut queue = std::collections::VecDeque::new();
    for (namespace, from) in &module.imports {
        queue.push_back((*namespace, vec![module.name, *from]));
    }
    while let Some((namespace, ring)) = queue.pop_front() {
        let last = *ring.last()?;
        if last == module.name {
            return Some((namespace, ring));
        }
        if !seen.insert(last) {
            continue;
        }
        let next = modules.iter().find(|each| each.name == last);
        for (_, from) in next.map_or(&[][..], |next| &next.imports) {
            queue.push_back((namespace, ring.iter().copied().chain([*from]).collect()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";

    fn paths(text: &str) -> Vec<String> {
        check_manifest(text).unwrap_err().into_iter().map(|mistake| mistake.path).collect()
    }

    fn module(imports: &str) -> String {
        format!(r#"{{ "file": "a.wasm", "sha256": "{HASH}", "imports": {imports} }}"#)
    }

    #[test]
    fn a_module_comes_after_those_that_it_imports() {
        let (first, second) = (module(r#"{ "env": "b", "host": "host" }"#), module("{}"));
        let text = format!(r#"{{ "version": 1, "label": "x", "modules": {{ "a": {first}, "b": {second} }} }}"#);
        let manifest = check_manifest(&text).unwrap();
        assert_eq!([&manifest["modules"][0]["name"], &manifest["modules"][1]["name"]], ["b", "a"]);
        assert_eq!(manifest["modules"][1]["imports"], json!([["env", "b"], ["host", "host"]]));
        assert_eq!(manifest["modules"][0]["sha256"], HASH.to_lowercase());
        assert_eq!((&manifest["label"], &manifest["links"]), (&json!("x"), &json!([])));
    }

    #[test]
    fn each_mistake_has_its_path() {
        assert_eq!(paths("{"), ["$"]);
        assert_eq!(paths("[]"), ["$"]);
        assert_eq!(paths(r#"{ "version": 2, "modules": [], "extra": 1 }"#), ["$.extra", "$.version", "$.modules"]);
        let bad = r#"{ "file": "", "sha256": "00", "import": {} }"#;
        let text = format!(r#"{{ "version": 1, "modules": {{ "a b": {bad} }}, "links": {{}} }}"#);
        let expected = [r#"["a b"].import"#, r#"["a b"].file"#, r#"["a b"].sha256"#].map(|at| format!("$.modules{at}"));
        assert_eq!(paths(&text), [&expected[..], &["$.links".into()]].concat());
    }

    #[test]
    fn a_slot_and_a_name_stand_once() {
        let link = r#"{ "module": "a", "slot": "f", "from": "c", "function": "g" }"#;
        let one = module("{}");
        let text =
            format!(r#"{{ "version": 1, "modules": {{ "a": {one}, "a": {one} }}, "links": [{link}, {link}, 1] }}"#);
        let expected = ["$.modules.a", "$.links[0].from", "$.links[1].from", "$.links[1].slot", "$.links[2]"];
        assert_eq!(paths(&text), expected);
    }

    #[test]
    fn a_ring_of_imports_names_its_modules() {
        let [a, b, c] = [r#"{ "env": "b" }"#, r#"{ "x-y": "a" }"#, r#"{ "env": "a" }"#].map(module);
        let text = format!(r#"{{ "version": 1, "modules": {{ "a": {a}, "b": {b}, "c": {c} }} }}"#);
        let mistakes = check_manifest(&text).unwrap_err();
        assert_eq!(mistakes[0].path, "$.modules.a.imports.env");
        assert!(mistakes[0].message.ends_with("a → b → a"));
        assert_eq!((mistakes[1].path.as_str(), mistakes.len()), (r#"$.modules.b.imports["x-y"]"#, 2));
    }
}
