//! Layouts: sizes, alignments and flat values of value types, for a memory with addresses of 32 bits.

use crate::wasm::ValType;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most flat values of a function's parameters; more go through memory.
pub const MOST_FLAT: usize = 16;

/// Largest size of a value in its place, in bytes.
pub const MOST_SIZE: u64 = 1 << 20;

/// The layout of a value type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeLayout {
    /// Size in bytes
    pub size: u32,
    /// Alignment in bytes
    pub align: u32,
    /// Types of the flat values; none for more than `MOST_FLAT`
    #[serde(serialize_with = "names", deserialize_with = "types")]
    pub flat: Option<Vec<ValType>>,
    /// Offset in bytes: of each field, or of the value of all cases
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<u32>,
}

fn names<S: Serializer>(flat: &Option<Vec<ValType>>, serializer: S) -> Result<S::Ok, S::Error> {
    flat.as_ref().map(|types| types.iter().map(ToString::to_string).collect::<Vec<_>>()).serialize(serializer)
}

fn types<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Option<Vec<ValType>>, D::Error> {
    let names: Option<Vec<String>> = Option::deserialize(deserializer)?;
    let one = |name: String| {
        let all = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        all.into_iter().find(|ty| ty.to_string() == name).ok_or_else(|| D::Error::custom("expected a flat type"))
    };
    names.map(|names| names.into_iter().map(one).collect()).transpose()
}

/// The layout of a scalar, which is as large as its alignment.
pub fn of_scalar(size: u32, flat: ValType) -> TypeLayout {
    TypeLayout { size, align: size, flat: Some(vec![flat]), offsets: Vec::new() }
}

/// The layout of a string or a list: an address and a length.
pub fn of_list() -> TypeLayout {
    TypeLayout { size: 8, align: 4, flat: Some(vec![ValType::I32; 2]), offsets: Vec::new() }
}

/// The layout of values one after the other.
pub fn of_fields(fields: impl IntoIterator<Item = TypeLayout>) -> TypeLayout {
    let mut layout = TypeLayout { size: 0, align: 1, flat: Some(Vec::new()), offsets: Vec::new() };
    for field in fields {
        let offset = aligned(layout.size, field.align);
        layout.offsets.push(offset);
        layout.size = offset.saturating_add(field.size);
        layout.align = layout.align.max(field.align);
        layout.flat = match (layout.flat, field.flat) {
            (Some(mut flat), Some(more)) if flat.len() + more.len() <= MOST_FLAT => {
                flat.extend(more);
                Some(flat)
            }
            _ => None,
        };
    }
    layout.size = aligned(layout.size, layout.align);
    layout
}

/// The layout of `count` values of one type, one after the other.
pub fn of_repeated(element: &TypeLayout, count: u32) -> TypeLayout {
    let flat = element.flat.as_ref().filter(|flat| flat.len() as u64 * u64::from(count) <= MOST_FLAT as u64);
    TypeLayout {
        size: element.size.saturating_mul(count),
        align: element.align,
        flat: flat.map(|flat| flat.repeat(count as usize)),
        offsets: Vec::new(),
    }
}

/// The layout of a discriminant among `count` cases, and then the value of one of these cases.
pub fn of_variant<'a>(count: usize, cases: impl IntoIterator<Item = Option<&'a TypeLayout>>) -> TypeLayout {
    let tag = discriminant_size(count);
    let (mut size, mut align) = (0, 1);
    let mut flat = Some(vec![ValType::I32]);
    for case in cases.into_iter().flatten() {
        size = size.max(case.size);
        align = align.max(case.align);
        flat = match (flat, &case.flat) {
            (Some(mut flat), Some(own)) if own.len() < MOST_FLAT => {
                for (index, ty) in own.iter().enumerate() {
                    match flat.get_mut(index + 1) {
                        Some(joined) => *joined = join(*joined, *ty),
                        None => flat.push(*ty),
                    }
                }
                Some(flat)
            }
            _ => None,
        };
    }
    let offset = aligned(tag, align);
    let align = align.max(tag);
    TypeLayout { size: aligned(offset.saturating_add(size), align), align, flat, offsets: vec![offset] }
}

/// Size of the discriminant among `count` cases, in bytes.
pub fn discriminant_size(count: usize) -> u32 {
    match count {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// The flat type that has room for both.
fn join(a: ValType, b: ValType) -> ValType {
    match (a, b) {
        _ if a == b => a,
        (ValType::I32, ValType::F32) | (ValType::F32, ValType::I32) => ValType::I32,
        _ => ValType::I64,
    }
}

fn aligned(offset: u32, align: u32) -> u32 {
    offset.div_ceil(align).saturating_mul(align)
}
