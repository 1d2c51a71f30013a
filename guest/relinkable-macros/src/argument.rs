//! The arguments of the attributes.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser as _};
use syn::{Ident, LitStr, Token};

/// The arguments in the parentheses of an attribute.
#[derive(Default)]
pub struct Arguments {
    /// The name of the slot, export or import, or of the WIT type, field or case; none if the author chose none
    pub name: Option<LitStr>,
    /// The module of an import
    pub module: Option<LitStr>,
    /// Whether an implementation in JavaScript may return a promise
    pub suspend: Option<Span>,
    /// Whether a struct of `bool`s is a set of flags
    pub flags: Option<Span>,
}

/// The arguments that an attribute has, and how to write it.
pub struct Usage {
    /// The names
    pub arguments: &'static [&'static str],
    /// An example
    pub example: &'static str,
}

/// `#[relinkable(…)]` on a function.
pub const SLOT: Usage = Usage { arguments: &["name", "suspend"], example: "#[relinkable(name = \"shop::price\")]" };
/// `#[relinkable::export(…)]`.
pub const EXPORT: Usage = Usage { arguments: &["name"], example: "#[relinkable::export(name = \"handle-request\")]" };
/// `#[relinkable::import(…)]` on a function.
pub const IMPORT: Usage =
    Usage { arguments: &["module", "name", "suspend"], example: "#[relinkable::import(module = \"env\")]" };
/// `#[relinkable(…)]` on a type.
pub const TYPE: Usage = Usage { arguments: &["name", "flags"], example: "#[relinkable(name = \"line-item\")]" };
/// `#[relinkable(…)]` on a field or case.
pub const MEMBER: Usage = Usage { arguments: &["name"], example: "#[relinkable(name = \"net-total\")]" };

impl Arguments {
    /// Parses the arguments of an attribute.
    ///
    /// # Errors
    /// If it does not have them.
    pub fn parse(tokens: TokenStream, usage: &Usage) -> syn::Result<Self> {
        (|input: ParseStream<'_>| Self::parse_stream(input, usage)).parse2(tokens)
    }

    fn parse_stream(input: ParseStream<'_>, usage: &Usage) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse().map_err(|error| usage.error(error.span(), "expected an argument"))?;
            let known = usage.arguments.iter().find(|argument| key == **argument);
            let Some(&known) = known else {
                return Err(usage.error(key.span(), format_args!("unknown argument `{key}`, {}", usage.known())));
            };
            let twice = match known {
                "suspend" => arguments.suspend.replace(key.span()).is_some(),
                "flags" => arguments.flags.replace(key.span()).is_some(),
                _ => {
                    let needed = format!("`{known}` needs a value");
                    input.parse::<Token![=]>().map_err(|_| usage.error(key.span(), needed))?;
                    let string = format!("the value of `{known}` must be a string");
                    let value = input.parse().map_err(|error| usage.error(error.span(), string))?;
                    let field = if known == "name" { &mut arguments.name } else { &mut arguments.module };
                    field.replace(value).is_some()
                }
            };
            if twice {
                return Err(usage.error(key.span(), format_args!("`{known}` is given twice")));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Usage {
    fn known(&self) -> String {
        match self.arguments {
            [only] => format!("the only one is `{only}`"),
            all => {
                let all: Vec<_> = all.iter().map(|name| format!("`{name}`")).collect();
                format!("there are {}", all.join(" and "))
            }
        }
    }

    fn error(&self, span: Span, what: impl std::fmt::Display) -> syn::Error {
        syn::Error::new(span, format!("{what}: write `{}`", self.example))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<String>, String> {
        Arguments::parse(text.parse().unwrap(), &SLOT)
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
            ("nmae = \"a\"", "unknown argument `nmae`, there are `name` and `suspend`: write `#["),
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
