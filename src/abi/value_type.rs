//! Value types: the types of parameters and results of typed functions, each with its layout.

use super::layout::{MOST_SIZE, TypeLayout, of_fields, of_list, of_repeated, of_scalar, of_variant};
use crate::wasm::ValType;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A value type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ValueType {
    /// Its kind, with the types inside
    #[serde(flatten)]
    pub kind: TypeKind,
    /// Its name in WIT, if it has one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its documentation comment
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its layout
    #[serde(flatten)]
    pub layout: TypeLayout,
}

/// The kind of a value type.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs)] // WIT's own names
pub enum TypeKind {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    /// A string with JSON text: `type json = string`
    Json,
    List {
        element: Box<ValueType>,
    },
    /// A list of fixed length, stored in place
    FixedList {
        element: Box<ValueType>,
        length: u32,
    },
    Option {
        element: Box<ValueType>,
    },
    Result {
        ok: Option<Box<ValueType>>,
        err: Option<Box<ValueType>>,
    },
    Record {
        fields: Vec<Field>,
    },
    Tuple {
        elements: Vec<ValueType>,
    },
    Variant {
        cases: Vec<Case>,
    },
    Enum {
        cases: Vec<Case>,
    },
    Flags {
        flags: Vec<Case>,
    },
}

/// A field of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Field {
    /// Its name, in kebab-case
    pub name: String,
    /// Its documentation comment
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its type
    #[serde(rename = "type")]
    pub ty: ValueType,
}

/// A case of a variant or an enum, or a flag.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// Its name, in kebab-case
    pub name: String,
    /// Its documentation comment
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// The type of its value; none for a case without a value
    #[serde(rename = "type")]
    pub ty: Option<ValueType>,
}

impl ValueType {
    /// A type without a name, with its layout.
    ///
    /// # Errors
    /// A message for a type whose values are too large, or have no size where they must have one.
    pub fn new(kind: TypeKind) -> Result<Self, String> {
        use TypeKind as K;
        let layout = match &kind {
            K::Bool | K::S8 | K::U8 => of_scalar(1, ValType::I32),
            K::S16 | K::U16 => of_scalar(2, ValType::I32),
            K::S32 | K::U32 | K::Char => of_scalar(4, ValType::I32),
            K::S64 | K::U64 => of_scalar(8, ValType::I64),
            K::F32 => of_scalar(4, ValType::F32),
            K::F64 => of_scalar(8, ValType::F64),
            K::String | K::Json => of_list(),
            K::List { element } => {
                if element.layout.size == 0 {
                    return Err("a list whose elements have no size".to_owned());
                }
                of_list()
            }
            K::FixedList { element, length } => {
                let size = u64::from(element.layout.size) * u64::from(*length);
                if size == 0 || size > MOST_SIZE {
                    return Err(format!("a list of {length} elements of {} bytes", element.layout.size));
                }
                of_repeated(&element.layout, *length)
            }
            K::Option { element } => of_variant(2, [Some(&element.layout)]),
            K::Result { ok, err } => of_variant(2, [ok, err].map(|ty| ty.as_ref().map(|ty| &ty.layout))),
            K::Record { fields } => of_fields(fields.iter().map(|field| field.ty.layout.clone())),
            K::Tuple { elements } => of_fields(elements.iter().map(|element| element.layout.clone())),
            K::Variant { cases } | K::Enum { cases } => {
                of_variant(cases.len(), cases.iter().map(|case| case.ty.as_ref().map(|ty| &ty.layout)))
            }
            K::Flags { flags } => match flags.len() {
                0..=8 => of_scalar(1, ValType::I32),
                9..=16 => of_scalar(2, ValType::I32),
                17..=32 => of_scalar(4, ValType::I32),
                count => return Err(format!("{count} flags, where 32 is the most")),
            },
        };
        if u64::from(layout.size) > MOST_SIZE {
            return Err(format!("a type whose values have {} bytes", layout.size));
        }
        Ok(Self { kind, name: None, docs: None, layout })
    }

    /// Whether values of the type have parts outside of their place: strings and lists.
    pub fn has_pointers(&self) -> bool {
        use TypeKind as K;
        match &self.kind {
            K::String | K::Json | K::List { .. } => true,
            K::FixedList { element, .. } | K::Option { element } => element.has_pointers(),
            K::Result { ok, err } => [ok, err].into_iter().flatten().any(|ty| ty.has_pointers()),
            K::Record { fields } => fields.iter().any(|field| field.ty.has_pointers()),
            K::Tuple { elements } => elements.iter().any(Self::has_pointers),
            K::Variant { cases } => cases.iter().filter_map(|case| case.ty.as_ref()).any(Self::has_pointers),
            _ => false,
        }
    }
}

/// The structure as text: two types are the same if this is. It has the names of fields, cases and flags, and neither docs
/// nor names of types.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use TypeKind as K;
        let name = |ty: Option<&Self>| ty.map_or_else(|| "_".to_owned(), ToString::to_string);
        let named = |cases: &[Case]| {
            let all = cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({ty})", case.name),
                None => case.name.clone(),
            });
            all.collect::<Vec<_>>().join(", ")
        };
        match &self.kind {
            K::Bool => f.write_str("bool"),
            K::S8 => f.write_str("s8"),
            K::U8 => f.write_str("u8"),
            K::S16 => f.write_str("s16"),
            K::U16 => f.write_str("u16"),
            K::S32 => f.write_str("s32"),
            K::U32 => f.write_str("u32"),
            K::S64 => f.write_str("s64"),
            K::U64 => f.write_str("u64"),
            K::F32 => f.write_str("f32"),
            K::F64 => f.write_str("f64"),
            K::Char => f.write_str("char"),
            K::String => f.write_str("string"),
            K::Json => f.write_str("json"),
            K::List { element } => write!(f, "list<{element}>"),
            K::FixedList { element, length } => write!(f, "list<{element}, {length}>"),
            K::Option { element } => write!(f, "option<{element}>"),
            K::Result { ok, err } => write!(f, "result<{}, {}>", name(ok.as_deref()), name(err.as_deref())),
            K::Record { fields } => {
                let fields = fields.iter().map(|field| format!("{}: {}", field.name, field.ty));
                write!(f, "record {{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            K::Tuple { elements } => {
                let elements = elements.iter().map(ToString::to_string);
                write!(f, "tuple<{}>", elements.collect::<Vec<_>>().join(", "))
            }
            K::Variant { cases } => write!(f, "variant {{ {} }}", named(cases)),
            K::Enum { cases } => write!(f, "enum {{ {} }}", named(cases)),
            K::Flags { flags } => write!(f, "flags {{ {} }}", named(flags)),
        }
    }
}
