//! The errors for types that cannot go through a slot.

use syn::{GenericArgument, PathArguments, Type, TypePath, TypeReference};

use crate::scalar::{Scalar, spell};

/// The error for a type that is no scalar.
pub fn refuse(ty: &Type) -> syn::Error {
    let spelling = spell(ty);
    let message = match ty {
        Type::Ptr(_) => wide_pointer(&spelling),
        _ => format!("`{spelling}` is no scalar"),
    };
    syn::Error::new_spanned(ty, message)
}

/// The message for a pointer with a length or a vtable.
pub fn wide_pointer(spelling: &str) -> String {
    format!("`{spelling}` is a wide pointer and cannot go through a slot: pass `&str` or a slice")
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

/// Checks the type of a typed function's parameter. Returns the type without the reference, and whether there was one.
///
/// # Errors
/// If the spelling shows that it cannot go through. The compiler checks the rest.
pub fn parameter<'a>(ty: &'a Type, noun: &str) -> syn::Result<(&'a Type, bool)> {
    match ty {
        Type::Group(group) => parameter(&group.elem, noun),
        Type::Paren(paren) => parameter(&paren.elem, noun),
        Type::Tuple(tuple) if tuple.elems.is_empty() => Err(error(ty, noun, "leave it out")),
        Type::Reference(TypeReference { mutability: Some(_), .. }) => {
            Err(error(ty, noun, "the other side has another memory: take the value, and return the changed one"))
        }
        Type::Reference(TypeReference { lifetime: Some(lifetime), .. }) => Err(syn::Error::new_spanned(
            lifetime,
            format!("an argument of a {noun} is lent for the call only: leave `{lifetime}` out"),
        )),
        Type::Reference(reference) => {
            let inner = unwrapped(&reference.elem);
            match inner {
                Type::Slice(slice) => value(&slice.elem, noun)?,
                inner => value(inner, noun)?,
            }
            Ok((inner, true))
        }
        ty => value(ty, noun).map(|()| (ty, false)),
    }
}

/// Checks the type of a typed function's result.
///
/// # Errors
/// If the spelling shows that it cannot go through. The compiler checks the rest.
pub fn result(ty: &Type, noun: &str) -> syn::Result<()> {
    match unwrapped(ty) {
        Type::Never(_) => Err(error(ty, noun, "leave the result out")),
        Type::Reference(reference) => {
            let owned = owned(&reference.elem);
            Err(error(ty, noun, &format!("a result is owned by its caller: return `{owned}`")))
        }
        ty => value(ty, noun),
    }
}

/// Checks a type that is not behind a reference, and all types inside it.
///
/// # Errors
/// If the spelling shows that it cannot go through.
pub fn value(ty: &Type, noun: &str) -> syn::Result<()> {
    let advice = match ty {
        Type::Group(group) => return value(&group.elem, noun),
        Type::Paren(paren) => return value(&paren.elem, noun),
        Type::Array(array) => return value(&array.elem, noun),
        Type::Tuple(tuple) => return tuple.elems.iter().try_for_each(|ty| value(ty, noun)),
        Type::Path(path) => match named(path) {
            Some(advice) => advice.to_owned(),
            None if path.path.segments.last().is_some_and(|last| last.ident == "Json") => return Ok(()),
            None => return arguments(path).try_for_each(|ty| value(ty, noun)),
        },
        Type::Reference(reference) => format!("write `{}` inside another type", owned(&reference.elem)),
        Type::Slice(slice) => format!("write `Vec<{}>`", spell(&slice.elem)),
        Type::Ptr(_) => {
            "an address means nothing in another memory: pass `&[u8]` or a list, or scalars only".to_owned()
        }
        Type::BareFn(_) => "a function cannot be passed: declare another slot for it".to_owned(),
        Type::ImplTrait(_) | Type::TraitObject(_) => "write the type itself".to_owned(),
        Type::Never(_) => "leave it out".to_owned(),
        _ => return Ok(()),
    };
    Err(error(ty, noun, &advice))
}

/// Whether a value of `ty` may own memory, as far as the spelling says.
pub fn may_own_memory(ty: &Type) -> bool {
    match unwrapped(ty) {
        Type::Array(array) => may_own_memory(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().any(may_own_memory),
        Type::Path(path) => match path.path.segments.last() {
            // With another number of arguments, it is an alias that hides a type.
            Some(last) if last.ident == "Option" && arguments(path).count() == 1 => arguments(path).any(may_own_memory),
            Some(last) if last.ident == "Result" && arguments(path).count() == 2 => arguments(path).any(may_own_memory),
            _ => Scalar::of(ty).is_err(),
        },
        _ => true,
    }
}

/// The owned type for a borrowed one.
fn owned(ty: &Type) -> String {
    match unwrapped(ty) {
        Type::Slice(slice) => format!("Vec<{}>", spell(&slice.elem)),
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        ty => spell(ty),
    }
}

fn unwrapped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => unwrapped(&group.elem),
        Type::Paren(paren) => unwrapped(&paren.elem),
        ty => ty,
    }
}

/// The type arguments of a path's last part.
fn arguments(path: &TypePath) -> impl Iterator<Item = &Type> {
    let arguments = path.path.segments.last().map(|last| &last.arguments);
    let arguments = match arguments {
        Some(PathArguments::AngleBracketed(arguments)) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn error(ty: &Type, noun: &str, advice: &str) -> syn::Error {
    syn::Error::new_spanned(ty, format!("`{}` cannot go through a {noun}: {advice}", spell(ty)))
}

fn named(path: &TypePath) -> Option<&'static str> {
    let last = path.path.segments.last()?;
    Some(match last.ident.to_string().as_str() {
        "u128" | "i128" => "pass two `u64` halves",
        "f16" => "pass an `f32`",
        "f128" => "pass an `f64`",
        "CStr" | "CString" | "OsStr" | "OsString" | "Path" | "PathBuf" | "Cow" => "pass a `&str` or a `String`",
        "Rc" | "Arc" | "Cell" | "RefCell" | "Mutex" => "the other side has another memory: pass the value itself",
        "NonNull" => "an address means nothing in another memory: pass the value itself",
        "HashMap" | "BTreeMap" => "pass a `Vec` of pairs, or `relinkable::Json<…>`",
        "HashSet" | "BTreeSet" | "VecDeque" | "LinkedList" | "BinaryHeap" => "pass a `Vec`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_fits_a_parameter() {
        for (ty, message) in [
            ("()", "`()` cannot go through a slot: leave it out"),
            (
                "&mut [u8]",
                "`&mut [u8]` cannot go through a slot: the other side has another memory: take the value, and return the \
                 changed one",
            ),
            ("&'static str", "an argument of a slot is lent for the call only: leave `'static` out"),
            ("Option<&str>", "`&str` cannot go through a slot: write `String` inside another type"),
            ("&[&[u8]]", "`&[u8]` cannot go through a slot: write `Vec<u8>` inside another type"),
            ("Vec<i128>", "`i128` cannot go through a slot: pass two `u64` halves"),
            (
                "*const u8",
                "`*const u8` cannot go through a slot: an address means nothing in another memory: pass `&[u8]` or a \
                 list, or scalars only",
            ),
            (
                "fn(u8) -> u8",
                "`fn(u8) -> u8` cannot go through a slot: a function cannot be passed: declare another slot for it",
            ),
            ("impl Fn()", "`impl Fn()` cannot go through a slot: write the type itself"),
            (
                "HashMap<String, u8>",
                "`HashMap<String, u8>` cannot go through a slot: pass a `Vec` of pairs, or `relinkable::Json<…>`",
            ),
        ] {
            assert_eq!(parameter(&syn::parse_str(ty).unwrap(), "slot").err().unwrap().to_string(), message);
        }
    }

    #[test]
    fn a_result_is_owned() {
        for (ty, message) in [
            ("&str", "`&str` cannot go through a slot: a result is owned by its caller: return `String`"),
            ("&[u8]", "`&[u8]` cannot go through a slot: a result is owned by its caller: return `Vec<u8>`"),
            ("&Order", "`&Order` cannot go through a slot: a result is owned by its caller: return `Order`"),
            ("!", "`!` cannot go through a slot: leave the result out"),
        ] {
            assert_eq!(result(&syn::parse_str(ty).unwrap(), "slot").err().unwrap().to_string(), message);
        }
    }

    #[test]
    fn the_compiler_checks_the_rest() {
        for ty in
            ["Order", "&Order", "&str", "&[u8]", "Vec<Option<(u8, [Cents; 3])>>", "Box<shop::Order>", "Json<HashMap>"]
        {
            assert!(parameter(&syn::parse_str(ty).unwrap(), "slot").is_ok(), "{ty}");
        }
    }

    #[test]
    fn numbers_own_no_memory() {
        for ty in ["u64", "Option<(u8, char)>", "Result<[u8; 4], i64>", "()"] {
            assert!(!may_own_memory(&syn::parse_str(ty).unwrap()), "{ty}");
        }
        for ty in ["String", "Option<String>", "Order", "Vec<u8>", "Result<u8>", "io::Result<u8>"] {
            assert!(may_own_memory(&syn::parse_str(ty).unwrap()), "{ty}");
        }
    }
}
