//! `#[derive(relinkable::Type)]`.

mod cases;
mod fields;
mod flags;
mod implementation;

use proc_macro2::TokenStream;
use syn::{Attribute, Data, DeriveInput, Ident};

use crate::argument::{Arguments, Usage};
use crate::{argument, docs, kebab};

/// The implementations for a struct or an enum.
///
/// # Errors
/// If it can be no type.
pub fn expand(item: TokenStream) -> syn::Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &item.generics,
            "a generic type has no WIT type: write one type for each, which owns its fields",
        ));
    }
    let arguments = arguments(&item.attrs, &argument::TYPE)?;
    let header = Header::new(&item, &arguments)?;
    match &item.data {
        Data::Struct(data) if arguments.flags.is_some() => flags::expand(&header, &data.fields),
        Data::Struct(data) => fields::expand(&header, &data.fields),
        Data::Enum(_) if arguments.flags.is_some() => Err(syn::Error::new_spanned(
            &item.ident,
            "flags are a struct of `bool`s: `#[relinkable(flags)] struct Rights { read: bool, write: bool }`",
        )),
        Data::Enum(data) => cases::expand(&header, data),
        Data::Union(_) => Err(syn::Error::new_spanned(&item.ident, "a union has no WIT type: write an enum")),
    }
}

/// A type's names and documentation.
struct Header<'a> {
    ident: &'a Ident,
    /// The name in WIT
    name: String,
    docs: String,
}

impl<'a> Header<'a> {
    fn new(item: &'a DeriveInput, arguments: &Arguments) -> syn::Result<Self> {
        let name = wit_name(&item.ident, arguments)?;
        if name == "json" {
            return Err(syn::Error::new_spanned(
                &item.ident,
                "the WIT type `json` is `relinkable::Json`: give this type another name with `#[relinkable(name = \"…\")]`",
            ));
        }
        Ok(Self { ident: &item.ident, name, docs: wit_docs(&item.attrs) })
    }
}

/// The arguments of all `#[relinkable(…)]` on a type, field or case.
fn arguments(attributes: &[Attribute], usage: &Usage) -> syn::Result<Arguments> {
    let mut found = attributes.iter().filter(|attribute| attribute.path().is_ident("relinkable"));
    let Some(attribute) = found.next() else { return Ok(Arguments::default()) };
    if let Some(second) = found.next() {
        return Err(syn::Error::new_spanned(second, "put all arguments into one `#[relinkable(…)]`"));
    }
    Arguments::parse(attribute.meta.require_list()?.tokens.clone(), usage)
}

fn wit_name(ident: &Ident, arguments: &Arguments) -> syn::Result<String> {
    match &arguments.name {
        Some(name) => kebab::checked(&name.value(), name.span()),
        None => kebab::of(ident),
    }
}

fn wit_docs(attributes: &[Attribute]) -> String {
    docs::wit(docs::text(attributes).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(item: &str) -> String {
        expand(item.parse().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn types_that_wit_does_not_have_are_refused() {
        for (item, message) in [
            ("struct A<T>(T);", "a generic type has no WIT type"),
            ("union A { a: u8 }", "a union has no WIT type"),
            ("struct A;", "a struct without fields has no WIT type"),
            ("enum A {}", "an enum without cases has no values"),
            ("struct A { next: Option<Box<A>> }", "`A` contains itself, and WIT has no recursive types"),
            ("enum A { B(Vec<Self>) }", "`A` contains itself"),
            (
                "struct A { a: &'static str }",
                "`&'static str` cannot go through a type: write `String` inside another type",
            ),
            ("struct A { x1: u8, x_1: u8 }", "`x1` and `x_1` are both `x1` in WIT"),
            ("#[relinkable(flags)] struct A { a: u8 }", "a flag is a `bool`"),
            ("#[relinkable(flags)] enum A { B }", "flags are a struct of `bool`s"),
            ("struct Json { a: u8 }", "the WIT type `json` is `relinkable::Json`"),
            ("#[relinkable(nmae = \"a\")] struct A { a: u8 }", "unknown argument `nmae`, there are `name` and `flags`"),
            ("struct A { #[relinkable(name = \"aB\")] a: u8 }", "`aB` is no name in WIT: write `a-b`"),
        ] {
            assert!(error(item).starts_with(message), "{item}: {}", error(item));
        }
    }
}
