//! The errors for types that cannot go through a slot.

use syn::{Type, TypePath};

use crate::scalar::spell;

/// The error for a type that cannot go through a slot, with an alternative.
pub fn refuse(ty: &Type) -> syn::Error {
    let spelling = spell(ty);
    let advice = match ty {
        Type::Ptr(_) => return syn::Error::new_spanned(ty, wide_pointer(&spelling)),
        Type::Reference(reference) if is_wide(&reference.elem) => "pass a pointer and a length",
        Type::Reference(_) => "pass a raw pointer",
        Type::Slice(_) => "pass a pointer and a length",
        Type::Array(_) => "pass a raw pointer to it",
        Type::Tuple(tuple) if tuple.elems.is_empty() => "leave it out",
        Type::Tuple(_) => "pass its members one by one, or a raw pointer to it",
        Type::BareFn(_) => "pass a `usize`",
        Type::ImplTrait(_) | Type::TraitObject(_) => "pass a scalar or a raw pointer",
        Type::Never(_) => "leave the result out",
        Type::Path(path) => named(path),
        _ => SCALARS,
    };
    syn::Error::new_spanned(ty, format!("`{spelling}` cannot go through a slot: {advice}"))
}

/// The message for a pointer with a length or a vtable.
pub fn wide_pointer(spelling: &str) -> String {
    format!("`{spelling}` is a wide pointer and cannot go through a slot: pass a thin pointer and a length")
}

/// Whether the spelling of `ty` shows that a pointer to it is wide.
pub fn is_wide(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_wide(&group.elem),
        Type::Paren(paren) => is_wide(&paren.elem),
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

const SCALARS: &str = "write the scalar itself (`i8` to `i64`, `u8` to `u64`, `isize`, `usize`, `f32`, `f64`, \
                       `bool`, `char`), or pass a raw pointer";

fn named(path: &TypePath) -> &'static str {
    let Some(last) = path.path.segments.last() else { return SCALARS };
    match last.ident.to_string().as_str() {
        "u128" | "i128" => "pass two `u64` halves",
        "f16" => "pass an `f32`",
        "f128" => "pass an `f64`",
        "str" | "String" | "Vec" | "CStr" | "CString" | "OsStr" | "OsString" | "Path" | "PathBuf" => {
            "pass a pointer and a length"
        }
        "Box" | "Rc" | "Arc" | "NonNull" => "pass a raw pointer",
        "Option" | "Result" => "pass a scalar and keep one of its values for the other case",
        _ => SCALARS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_the_type() {
        for (ty, message) in [
            ("&str", "`&str` cannot go through a slot: pass a pointer and a length"),
            ("&mut [u8]", "`&mut [u8]` cannot go through a slot: pass a pointer and a length"),
            ("&Order", "`&Order` cannot go through a slot: pass a raw pointer"),
            ("[u8; 4]", "`[u8; 4]` cannot go through a slot: pass a raw pointer to it"),
            ("()", "`()` cannot go through a slot: leave it out"),
            ("(u8, u16)", "`(u8, u16)` cannot go through a slot: pass its members one by one, or a raw pointer to it"),
            ("i128", "`i128` cannot go through a slot: pass two `u64` halves"),
            ("Vec<u8>", "`Vec<u8>` cannot go through a slot: pass a pointer and a length"),
            ("std::string::String", "`std::string::String` cannot go through a slot: pass a pointer and a length"),
            ("fn(u8) -> u8", "`fn(u8) -> u8` cannot go through a slot: pass a `usize`"),
            (
                "*const dyn Fn()",
                "`*const dyn Fn()` is a wide pointer and cannot go through a slot: pass a thin pointer and a length",
            ),
        ] {
            assert_eq!(refuse(&syn::parse_str(ty).unwrap()).to_string(), message);
        }
        assert!(refuse(&syn::parse_str("Cents").unwrap()).to_string().contains("write the scalar itself"));
    }
}
