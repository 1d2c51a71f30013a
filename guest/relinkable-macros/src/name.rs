//! The names of slots.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Ident, LitStr};

/// The name of the slot of `function`: the author's, else `<crate>::<function>`.
///
/// # Errors
/// If the author's name is invalid, or if there is none and the crate's name is unknown.
pub fn slot(chosen: Option<&LitStr>, function: &Ident) -> syn::Result<String> {
    let Some(chosen) = chosen else {
        return match crate_name(|variable| std::env::var(variable).ok()) {
            Some(name) => Ok(format!("{name}::{}", function.unraw())),
            None => Err(syn::Error::new(
                Span::call_site(),
                "the name of this crate is not known, because neither CARGO_CRATE_NAME nor CARGO_PKG_NAME is set: \
                 build with cargo, or name the slot with `#[relinkable(name = \"…\")]`",
            )),
        };
    };
    let name = chosen.value();
    match objection(&name) {
        None => Ok(name),
        Some(objection) => Err(syn::Error::new(chosen.span(), objection)),
    }
}

fn crate_name(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    // rustdoc runs documentation tests without `CARGO_CRATE_NAME`.
    variable("CARGO_CRATE_NAME")
        .or_else(|| variable("CARGO_PKG_NAME").map(|package| package.replace('-', "_")))
        .filter(|name| !name.is_empty())
}

/// The error in a name, if there is one. A name is a linker symbol, part of a JSON text, and typed by people. So it has only
/// letters, digits and path separators.
fn objection(name: &str) -> Option<String> {
    const JOINTS: &str = "_:.-/";
    if name.is_empty() {
        return Some("the name of a slot cannot be empty".into());
    }
    let stranger = name.chars().find(|c| !c.is_alphanumeric() && !JOINTS.contains(*c))?;
    Some(format!("the name of a slot has letters, digits and `_ : . - /` only, and this one has {stranger:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_name_comes_from_cargo() {
        let both = |variable: &str| Some(if variable == "CARGO_CRATE_NAME" { "pricing" } else { "package" }.to_owned());
        assert_eq!(crate_name(both).as_deref(), Some("pricing"));
        let package = |variable: &str| (variable == "CARGO_PKG_NAME").then(|| "price-list".to_owned());
        assert_eq!(crate_name(package).as_deref(), Some("price_list"));
        assert_eq!(crate_name(|_| None), None);
    }

    #[test]
    fn names_are_words_and_joints() {
        for good in ["shop::price", "a", "größe", "v2/price.net-total", "shop::price_2"] {
            assert_eq!(objection(good), None, "{good}");
        }
        for bad in ["", "a b", "a\"b", "a\\b", "a\nb", "a\0b", "`a`", "a,b"] {
            assert!(objection(bad).is_some(), "{bad:?}");
        }
        assert!(objection("a\nb").unwrap().ends_with(r"'\n'"));
    }

    #[test]
    fn raw_identifiers_lose_their_mark() {
        let name = slot(None, &syn::parse_str("r#type").unwrap()).unwrap();
        assert!(name.ends_with("::type") && !name.contains('#'), "{name}");
    }
}
