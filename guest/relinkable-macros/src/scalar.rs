//! The scalar types that go through slots, and their conversions.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::Type;

use crate::unsupported;

/// A Rust type that goes through a slot: it is one number in WebAssembly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The canonical Rust spelling, which the host compares
    pub spelling: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A type for which every value of the WebAssembly type is valid
    Whole,
    /// A narrow integer, which WebAssembly widens to 32 bits
    Narrow {
        signed: bool,
    },
    Bool,
    Char,
    Pointer {
        mutable: bool,
    },
}

impl Scalar {
    /// The scalar that `ty` is.
    ///
    /// # Errors
    /// If it is not a scalar. The error names the type, and another to use instead.
    pub fn of(ty: &Type) -> syn::Result<Self> {
        match ty {
            // `macro_rules` wraps a substituted type into an invisible group.
            Type::Group(group) => Self::of(&group.elem),
            Type::Paren(paren) => Self::of(&paren.elem),
            Type::Path(path) if path.qself.is_none() => path
                .path
                .get_ident()
                .and_then(|ident| Self::named(&ident.to_string()))
                .ok_or_else(|| unsupported::refuse(ty)),
            Type::Ptr(pointer) if unsupported::is_wide(&pointer.elem) => Err(unsupported::refuse(ty)),
            Type::Ptr(pointer) => {
                Ok(Self { spelling: spell(ty), kind: Kind::Pointer { mutable: pointer.mutability.is_some() } })
            }
            _ => Err(unsupported::refuse(ty)),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let kind = match name {
            "i32" | "u32" | "i64" | "u64" | "isize" | "usize" | "f32" | "f64" => Kind::Whole,
            "i8" | "i16" => Kind::Narrow { signed: true },
            "u8" | "u16" => Kind::Narrow { signed: false },
            "bool" => Kind::Bool,
            "char" => Kind::Char,
            _ => return None,
        };
        Some(Self { spelling: name.to_owned(), kind })
    }

    /// Its type in the import and in the exported original. The other side may be JavaScript or C, and send any number.
    pub fn wire(&self, ty: &Type) -> TokenStream {
        match self.kind {
            Kind::Whole => quote!(#ty),
            Kind::Narrow { signed: true } => quote!(::core::primitive::i32),
            Kind::Narrow { signed: false } | Kind::Bool | Kind::Char => quote!(::core::primitive::u32),
            Kind::Pointer { mutable: true } => quote!(*mut ::core::ffi::c_void),
            Kind::Pointer { mutable: false } => quote!(*const ::core::ffi::c_void),
        }
    }

    /// The Rust `value`, converted to the type that is sent.
    pub fn send(&self, value: &TokenStream) -> TokenStream {
        match self.kind {
            Kind::Whole => value.clone(),
            Kind::Narrow { signed: true } => quote!(::core::primitive::i32::from(#value)),
            Kind::Narrow { signed: false } | Kind::Bool => quote!(::core::primitive::u32::from(#value)),
            Kind::Char => quote!((#value as ::core::primitive::u32)),
            Kind::Pointer { .. } => quote!(#value.cast()),
        }
    }

    /// The received `value`, converted to a valid Rust value. `message` begins the panic message for an invalid one.
    pub fn receive(&self, value: &TokenStream, ty: &Type, message: &str) -> TokenStream {
        match self.kind {
            Kind::Whole => value.clone(),
            Kind::Narrow { .. } => quote!((#value as #ty)),
            Kind::Bool => quote!((#value != 0)),
            Kind::Char => {
                let format = format!("{message} {{:#x}}, which is not a char");
                quote!(match #value {
                    number => match ::core::char::from_u32(number) {
                        ::core::option::Option::Some(c) => c,
                        ::core::option::Option::None => ::core::panic!(#format, number),
                    },
                })
            }
            Kind::Pointer { .. } => quote!(#value.cast()),
        }
    }

    /// The check that a pointer is thin, which only the compiler can make.
    pub fn assertion(&self, ty: &Type) -> Option<TokenStream> {
        let Kind::Pointer { .. } = self.kind else { return None };
        let message = unsupported::wide_pointer(&self.spelling);
        Some(quote! {
            ::core::assert!(
                ::core::mem::size_of::<#ty>() == ::core::mem::size_of::<::core::primitive::usize>(),
                #message
            );
        })
    }
}

/// The spelling of a type, independent of the author's spaces.
pub fn spell(ty: &Type) -> String {
    match ty {
        Type::Group(group) => spell(&group.elem),
        Type::Paren(paren) => spell(&paren.elem),
        Type::Ptr(pointer) => {
            let mutability = if pointer.mutability.is_some() { "mut" } else { "const" };
            format!("*{mutability} {}", spell(&pointer.elem))
        }
        _ => {
            let mut text = String::new();
            write(ty.to_token_stream(), &mut text);
            text
        }
    }
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut after_word = false;
    for token in tokens {
        let word = match &token {
            TokenTree::Ident(_) | TokenTree::Literal(_) => true,
            TokenTree::Group(group) => after_word && group.delimiter() == Delimiter::Bracket,
            TokenTree::Punct(_) => false,
        };
        if word && after_word {
            text.push(' ');
        }
        after_word = matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_));
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                c @ (',' | ';') => text.extend([c, ' ']),
                c @ ('+' | '=') => text.extend([' ', c, ' ']),
                '-' => text.push_str(" -"),
                '>' if text.ends_with(" -") => text.push_str("> "),
                c => text.push(c),
            },
            token => text.push_str(&token.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(ty: &str) -> Result<Scalar, String> {
        Scalar::of(&syn::parse_str(ty).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn scalars_keep_their_names() {
        for ty in "i8 i16 i32 i64 u8 u16 u32 u64 isize usize f32 f64 bool char".split(' ') {
            assert_eq!(scalar(ty).unwrap().spelling, ty);
        }
        assert_eq!(scalar("(u64)").unwrap().spelling, "u64");
    }

    #[test]
    fn pointers_are_spelled_one_way() {
        for (written, spelling) in [
            ("*const u8", "*const u8"),
            ("* mut  Order", "*mut Order"),
            ("*const *mut (u8)", "*const *mut u8"),
            ("*const [u8;4]", "*const [u8; 4]"),
            ("*mut crate :: Pair < u8,u16 >", "*mut crate::Pair<u8, u16>"),
            ("*const core::ffi::c_void", "*const core::ffi::c_void"),
        ] {
            assert_eq!(scalar(written).unwrap().spelling, spelling);
        }
    }

    #[test]
    fn the_rest_is_refused() {
        for ty in ["u128", "&str", "String", "(u8, u8)", "Cents", "core::primitive::u8", "*const str", "*mut [u8]", "!"]
        {
            assert!(scalar(ty).is_err(), "{ty}");
        }
    }
}
