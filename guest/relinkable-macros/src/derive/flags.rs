//! Sets of flags: structs of `bool`s.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use crate::argument;
use crate::derive::implementation::Implementation;
use crate::derive::{Header, arguments, wit_docs, wit_name};
use crate::function::Objections;

/// Number of flags that a set can have.
const MOST: usize = 32;

/// The implementations for a set of flags.
///
/// # Errors
/// If a field is no `bool`, or there are none, or too many.
pub fn expand(header: &Header<'_>, fields: &syn::Fields) -> syn::Result<TokenStream> {
    let mut objections = Objections::default();
    let mut flags = Vec::new();
    for field in fields {
        let ident =
            field.ident.as_ref().filter(|_| matches!(&field.ty, Type::Path(path) if path.path.is_ident("bool")));
        let Some(ident) = ident else {
            objections.push(field, "a flag is a `bool` with a name: `read: bool`");
            continue;
        };
        let name = arguments(&field.attrs, &argument::MEMBER).and_then(|arguments| wit_name(ident, &arguments));
        let Some(name) = objections.take(name) else { continue };
        if flags.iter().any(|(_, other, _)| *other == name) {
            objections.push(field, &format!("another flag is `{name}` in WIT too: rename one"));
        }
        flags.push((ident, name, wit_docs(&field.attrs)));
    }
    objections.none()?;
    if flags.is_empty() || flags.len() > MOST {
        let message = format!("a set of flags has 1 to {MOST}, and this one has {}", flags.len());
        return Err(syn::Error::new_spanned(header.ident, message));
    }
    let count = flags.len();
    let members = flags.iter().map(|(_, name, docs)| {
        quote!(::relinkable::abi::Member { name: #name, docs: #docs, wit: &::relinkable::abi::Wit::Unit })
    });
    let idents: Vec<_> = flags.iter().map(|(ident, ..)| ident).collect();
    let bits: Vec<_> = (0..count as u32).collect();
    let write = quote! {
        __to.put::<{ ::relinkable::abi::flags_size(#count) }>(
            #((::core::primitive::u32::from(self.#idents) << #bits))|*
        );
    };
    let read = quote! {
        let __bits = __from.get::<{ ::relinkable::abi::flags_size(#count) }>();
        Self { #(#idents: __bits & (1 << #bits) != 0),* }
    };
    let blocks = Implementation {
        constants: TokenStream::new(),
        shape: quote!(::relinkable::abi::Shape::flags(#count)),
        in_place: quote!(false),
        any_bytes: quote!(false),
        keyword: quote!(Flags),
        members: quote!(#(#members),*),
        lend: quote!(let _ = __scope; #write),
        give: write,
        take: quote!(let _ = __what; #read),
        copy: quote!(let _ = __what; #read),
        discard: quote!(let _ = __from;),
    };
    Ok(blocks.blocks(header))
}
