//! The arguments of `#[relinkable(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token};

/// The arguments in the parentheses of `#[relinkable(…)]`.
#[derive(Default)]
pub struct Arguments {
    /// The slot's name; none if the author chose none
    pub name: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse().map_err(|error| usage(error.span(), "expected an argument"))?;
            if key != "name" {
                return Err(usage(key.span(), format_args!("unknown argument `{key}`, the only one is `name`")));
            }
            input.parse::<Token![=]>().map_err(|_| usage(key.span(), "`name` needs a value"))?;
            let name = input.parse().map_err(|error| usage(error.span(), "the value of `name` must be a string"))?;
            if arguments.name.replace(name).is_some() {
                return Err(usage(key.span(), "`name` is given twice"));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

fn usage(span: proc_macro2::Span, what: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(span, format!("{what}: write `#[relinkable(name = \"shop::price\")]`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<String>, String> {
        syn::parse_str::<Arguments>(text)
            .map(|arguments| arguments.name.map(|name| name.value()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn none_or_a_name() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse(r#"name = "shop::price""#), Ok(Some("shop::price".into())));
        assert_eq!(parse(r#"name = "shop::price","#), Ok(Some("shop::price".into())));
    }

    #[test]
    fn anything_else_is_told_what_there_is() {
        for (text, start) in [
            ("nmae = \"a\"", "unknown argument `nmae`, the only one is `name`: write `#["),
            ("\"shop::price\"", "expected an argument"),
            ("name", "`name` needs a value"),
            ("name = 3", "the value of `name` must be a string"),
            ("name = \"a\", name = \"b\"", "`name` is given twice"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
