//! The WIT text of a typed function, made by the compiler.
//!
//! A macro sees the names of types, not their fields. So each type has its WIT as a constant, and constant functions put
//! the text of a function together.

/// A WIT type.
pub enum Wit {
    /// No value: what `()` is as a result
    Unit,
    /// A built-in type
    Name(&'static str),
    /// A built-in type with arguments: its text before, between and after them
    Generic(&'static str, &'static [&'static Self]),
    /// A list of fixed length
    Array(&'static Self, usize),
    /// A result
    Result(&'static Self, &'static Self),
    /// A type that the plugin's author defines
    Defined(&'static Definition),
}

/// The definition of a type.
pub struct Definition {
    /// A name that no other type has: the path in Rust
    pub id: &'static str,
    /// The name in WIT, without `%`
    pub name: &'static str,
    /// The documentation comment
    pub docs: &'static str,
    /// Its kind
    pub keyword: Keyword,
    /// Its fields, cases or flags
    pub members: &'static [Member],
}

/// The kind of a definition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// A struct with named fields
    Record,
    /// An enum with data
    Variant,
    /// An enum without data
    Enum,
    /// A struct of flags
    Flags,
    /// Another name for its one member
    Alias,
}

/// A field, case or flag.
pub struct Member {
    /// The name in WIT
    pub name: &'static str,
    /// The documentation comment
    pub docs: &'static str,
    /// Its type; `Unit` if it has none
    pub wit: &'static Wit,
}

/// A parameter of a function.
pub struct Parameter {
    /// The name in WIT
    pub name: &'static str,
    /// Its type
    pub wit: &'static Wit,
}

/// A function, and the record's text around its WIT.
pub struct Interface<'a> {
    /// The text before
    pub before: &'static str,
    /// The function's name in WIT
    pub name: &'static str,
    /// The documentation comment
    pub docs: &'static str,
    /// The parameters
    pub parameters: &'a [Parameter],
    /// The result
    pub result: &'static Wit,
    /// The text after
    pub after: &'static str,
}

/// Number of definitions that one function may use.
const MAX_TYPES: usize = 200;

impl Interface<'_> {
    /// Length of the record in bytes.
    pub const fn length(&self) -> usize {
        self.write(Text::<0>::new()).len
    }

    /// The record: a line of JSON.
    pub const fn bytes<const LEN: usize>(&self) -> [u8; LEN] {
        self.write(Text::<LEN>::new()).bytes
    }

    const fn write<const LEN: usize>(&self, mut text: Text<LEN>) -> Text<LEN> {
        text.function = self.name;
        text.raw(self.before);
        text.word("interface ");
        text.name(self.name);
        text.word(" {\n");
        let mut index = 0;
        while index < self.parameters.len() {
            text.definitions_of(self.parameters[index].wit);
            index += 1;
        }
        text.definitions_of(self.result);
        text.docs("  ", self.docs);
        text.word("  ");
        text.name(self.name);
        text.word(": func(");
        let mut index = 0;
        while index < self.parameters.len() {
            if index > 0 {
                text.word(", ");
            }
            text.name(self.parameters[index].name);
            text.word(": ");
            text.wit(self.parameters[index].wit);
            index += 1;
        }
        text.word(")");
        if !matches!(self.result, Wit::Unit) {
            text.word(" -> ");
            text.wit(self.result);
        }
        text.word(";\n}\n");
        text.raw(self.after);
        text
    }
}

/// The text so far. With a `LEN` of 0, only its length.
struct Text<const LEN: usize> {
    bytes: [u8; LEN],
    len: usize,
    function: &'static str,
    defined: [Option<&'static Definition>; MAX_TYPES],
    definitions: usize,
}

impl<const LEN: usize> Text<LEN> {
    const fn new() -> Self {
        Self { bytes: [0; LEN], len: 0, function: "", defined: [None; MAX_TYPES], definitions: 0 }
    }

    const fn byte(&mut self, byte: u8) {
        if self.len < LEN {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
    }

    /// Text that is JSON already.
    const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.byte(bytes[index]);
            index += 1;
        }
    }

    /// A byte of text, escaped for JSON.
    const fn escaped(&mut self, byte: u8) {
        match byte {
            b'\n' => self.raw("\\n"),
            b'\t' => self.raw("\\t"),
            b'"' | b'\\' => {
                self.byte(b'\\');
                self.byte(byte);
            }
            _ => self.byte(byte),
        }
    }

    const fn word(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.escaped(bytes[index]);
            index += 1;
        }
    }

    /// A name, marked where WIT has a keyword of that name.
    const fn name(&mut self, name: &str) {
        if is_keyword(name) {
            self.byte(b'%');
        }
        self.word(name);
    }

    const fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    const fn docs(&mut self, indent: &str, docs: &str) {
        let bytes = docs.as_bytes();
        if bytes.is_empty() {
            return;
        }
        let mut index = 0;
        let mut starts = true;
        while index < bytes.len() {
            if starts {
                self.word(indent);
                self.word("///");
                if bytes[index] != b'\n' {
                    self.byte(b' ');
                }
            }
            starts = bytes[index] == b'\n';
            self.escaped(bytes[index]);
            index += 1;
        }
        self.word("\n");
    }

    const fn wit(&mut self, wit: &Wit) {
        match wit {
            Wit::Unit => panic!(
                "`()` cannot be inside a type of a typed function: only a result, or a side of a `Result`, can be `()`"
            ),
            Wit::Name(name) => self.word(name),
            Wit::Generic(name, arguments) => {
                self.word(name);
                self.word("<");
                let mut index = 0;
                while index < arguments.len() {
                    if index > 0 {
                        self.word(", ");
                    }
                    self.wit(arguments[index]);
                    index += 1;
                }
                self.word(">");
            }
            Wit::Array(element, count) => {
                if *count == 0 {
                    panic!("an array of a typed function has at least one element")
                }
                self.word("list<");
                self.wit(element);
                self.word(", ");
                self.number(*count);
                self.word(">");
            }
            Wit::Result(ok, error) => {
                self.word("result");
                match (ok, error) {
                    (Wit::Unit, Wit::Unit) => {}
                    (_, Wit::Unit) => {
                        self.word("<");
                        self.wit(ok);
                        self.word(">");
                    }
                    _ => {
                        self.word("<");
                        if matches!(ok, Wit::Unit) {
                            self.word("_")
                        } else {
                            self.wit(ok)
                        }
                        self.word(", ");
                        self.wit(error);
                        self.word(">");
                    }
                }
            }
            Wit::Defined(definition) => self.type_name(definition),
        }
    }

    /// The name of a type. One with the function's name gets another, since both are names of the interface.
    const fn type_name(&mut self, definition: &Definition) {
        if equal(definition.name, self.function) {
            self.word(definition.name);
            self.word("-type");
        } else {
            self.name(definition.name);
        }
    }

    /// The definitions that a type needs and that are not written yet.
    const fn definitions_of(&mut self, wit: &'static Wit) {
        match wit {
            Wit::Unit | Wit::Name(_) => {}
            Wit::Generic(_, arguments) => {
                let mut index = 0;
                while index < arguments.len() {
                    self.definitions_of(arguments[index]);
                    index += 1;
                }
            }
            Wit::Array(element, _) => self.definitions_of(element),
            Wit::Result(ok, error) => {
                self.definitions_of(ok);
                self.definitions_of(error);
            }
            Wit::Defined(definition) => self.define(definition),
        }
    }

    const fn define(&mut self, definition: &'static Definition) {
        let mut index = 0;
        while index < self.definitions {
            if let Some(other) = self.defined[index]
                && equal(other.name, definition.name)
            {
                if !equal(other.id, definition.id) {
                    panic!(
                        "two types of one typed function have the same name: give one of them another with \
                         `#[relinkable(name = \"…\")]`"
                    )
                }
                return;
            }
            index += 1;
        }
        if self.definitions == MAX_TYPES {
            panic!("a typed function has more than 200 types")
        }
        self.defined[self.definitions] = Some(definition);
        self.definitions += 1;

        let members = definition.members;
        let mut index = 0;
        while index < members.len() {
            self.definitions_of(members[index].wit);
            index += 1;
        }
        self.definition(definition);
    }

    const fn definition(&mut self, definition: &Definition) {
        self.docs("  ", definition.docs);
        self.word(match definition.keyword {
            Keyword::Record => "  record ",
            Keyword::Variant => "  variant ",
            Keyword::Enum => "  enum ",
            Keyword::Flags => "  flags ",
            Keyword::Alias => "  type ",
        });
        self.type_name(definition);
        if matches!(definition.keyword, Keyword::Alias) {
            self.word(" = ");
            self.wit(definition.members[0].wit);
            self.word(";\n");
            return;
        }
        self.word(" {\n");
        let members = definition.members;
        let mut index = 0;
        while index < members.len() {
            let member = &members[index];
            self.docs("    ", member.docs);
            self.word("    ");
            self.name(member.name);
            match (definition.keyword, member.wit) {
                (Keyword::Record, wit) => {
                    self.word(": ");
                    self.wit(wit);
                }
                (_, Wit::Unit) => {}
                (_, wit) => {
                    self.word("(");
                    self.wit(wit);
                    self.word(")");
                }
            }
            self.word(",\n");
            index += 1;
        }
        self.word("  }\n");
    }
}

/// The keywords of WIT, between spaces.
const KEYWORDS: &str = " as async bool borrow char constructor enum error-context export f32 f64 flags from func future \
                        import include interface list map option own package record resource result s16 s32 s64 s8 \
                        static stream string tuple type u16 u32 u64 u8 use variant with world ";

/// Whether `name` is a keyword of WIT.
const fn is_keyword(name: &str) -> bool {
    let (all, name) = (KEYWORDS.as_bytes(), name.as_bytes());
    let mut start = 0;
    while start + name.len() + 1 < all.len() {
        let mut index = 0;
        while index < name.len() && all[start + 1 + index] == name[index] {
            index += 1;
        }
        if index == name.len() && all[start] == b' ' && all[start + 1 + index] == b' ' {
            return true;
        }
        start += 1;
    }
    false
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}
