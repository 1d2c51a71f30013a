//! Structs, and the fields of structs and cases.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Index, Type};

use crate::derive::implementation::Implementation;
use crate::derive::{Header, arguments, wit_docs, wit_name};
use crate::function::Objections;
use crate::{argument, unsupported};

/// A field of a struct or a case.
pub struct Field<'a> {
    /// Its name or index in Rust
    pub member: TokenStream,
    /// A variable for it
    pub variable: Ident,
    pub ty: &'a Type,
    /// Its name in WIT; empty if it has none in Rust
    name: String,
    docs: String,
}

/// The fields of a struct or a case.
pub struct Fields<'a> {
    pub fields: Vec<Field<'a>>,
    named: bool,
}

impl<'a> Fields<'a> {
    /// Checks the fields of `owner`, or of a case of it.
    ///
    /// # Errors
    /// All objections at once.
    pub fn of(owner: &Ident, fields: &'a syn::Fields) -> syn::Result<Self> {
        let mut objections = Objections::default();
        let mut found: Vec<Field<'a>> = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let Some(new) = objections.take(Field::of(owner, index, field)) else { continue };
            match found.iter().find(|other| !new.name.is_empty() && other.name == new.name) {
                None => found.push(new),
                Some(other) => objections.push(
                    field,
                    &format!("`{}` and `{}` are both `{}` in WIT: rename one", other.member, new.member, new.name),
                ),
            }
        }
        objections.none()?;
        Ok(Self { fields: found, named: matches!(fields, syn::Fields::Named(_)) })
    }

    /// The layouts of the fields, for an array.
    pub fn shapes(&self) -> TokenStream {
        let shapes = self.fields.iter().map(|field| of_type(field.ty, "SHAPE"));
        quote!([#(#shapes),*])
    }

    /// The WIT type of the fields if they have no names: nothing, the one type, or a tuple.
    pub fn unnamed_wit(&self) -> TokenStream {
        let wits: Vec<_> = self.fields.iter().map(|field| of_type(field.ty, "WIT_WITHOUT_RECURSION")).collect();
        match wits.as_slice() {
            [] => quote!(&::relinkable::abi::Wit::Unit),
            [one] => quote!(#one),
            _ => quote!(&::relinkable::abi::Wit::Generic("tuple", &[#(#wits),*])),
        }
    }

    /// The WIT type of the fields of a case; if they have names, a record that is named after `owner`.
    pub fn case_wit(&self, owner: &Header<'_>, case: &Ident, name: &str) -> TokenStream {
        if !self.named || self.fields.is_empty() {
            return self.unnamed_wit();
        }
        let (ident, members) = (owner.ident, self.members());
        let name = format!("{}-{name}", owner.name);
        quote! {
            &::relinkable::abi::Wit::Defined(&::relinkable::abi::Definition {
                id: ::core::concat!(
                    ::core::module_path!(), "::", ::core::stringify!(#ident), "::", ::core::stringify!(#case)
                ),
                name: #name,
                docs: "",
                keyword: ::relinkable::abi::Keyword::Record,
                members: &[#members],
            })
        }
    }

    fn members(&self) -> TokenStream {
        let members = self.fields.iter().map(|Field { ty, name, docs, .. }| {
            let wit = of_type(ty, "WIT_WITHOUT_RECURSION");
            quote!(::relinkable::abi::Member { name: #name, docs: #docs, wit: #wit })
        });
        quote!(#(#members),*)
    }

    /// A pattern or an expression of all fields: `{ 0: a, 1: b }`, which also suits unnamed ones.
    pub fn braces(&self, value: impl Fn(usize, &Field<'_>) -> TokenStream) -> TokenStream {
        let values = self.fields.iter().enumerate().map(|(index, field)| {
            let (member, value) = (&field.member, value(index, field));
            quote!(#member: #value)
        });
        quote!({ #(#values),* })
    }
}

impl Field<'_> {
    fn of<'a>(owner: &Ident, index: usize, field: &'a syn::Field) -> syn::Result<Field<'a>> {
        unsupported::value(&field.ty, "type")?;
        if mentions(field.ty.to_token_stream(), owner) {
            return Err(syn::Error::new_spanned(
                &field.ty,
                format!(
                    "`{owner}` contains itself, and WIT has no recursive types: keep the parts in a `Vec`, and refer \
                         to them by index"
                ),
            ));
        }
        let arguments = arguments(&field.attrs, &argument::MEMBER)?;
        let name = field.ident.as_ref().map(|ident| wit_name(ident, &arguments)).transpose()?.unwrap_or_default();
        let member = match &field.ident {
            Some(ident) => quote!(#ident),
            None => Index::from(index).to_token_stream(),
        };
        Ok(Field {
            member,
            variable: format_ident!("__field_{index}"),
            ty: &field.ty,
            name,
            docs: wit_docs(&field.attrs),
        })
    }
}

/// The implementations for a struct.
///
/// # Errors
/// If a field's type shows that it cannot be one.
pub fn expand(header: &Header<'_>, fields: &syn::Fields) -> syn::Result<TokenStream> {
    let fields = Fields::of(header.ident, fields)?;
    if fields.fields.is_empty() {
        return Err(syn::Error::new_spanned(
            header.ident,
            "a struct without fields has no WIT type: leave it out, or give it a field",
        ));
    }
    let (keyword, members) = if fields.named {
        (quote!(Record), fields.members())
    } else {
        let wit = fields.unnamed_wit();
        (quote!(Alias), quote!(::relinkable::abi::Member { name: "", docs: "", wit: #wit }))
    };
    let (count, shapes) = (fields.fields.len(), fields.shapes());
    let types: Vec<_> = fields.fields.iter().map(|field| field.ty).collect();
    let names: Vec<_> = fields.fields.iter().map(|field| &field.member).collect();
    let variables: Vec<_> = fields.fields.iter().map(|field| &field.variable).collect();
    let indices: Vec<_> = (0..count).collect();
    let pattern = fields.braces(|_, field| field.variable.to_token_stream());
    let read = |method: &str| {
        let method = format_ident!("{method}");
        let values = fields.braces(|index, field| {
            let ty = field.ty;
            quote!(<#ty as ::relinkable::Value>::#method(__from.at(__AT[#index]), __what))
        });
        quote!(Self #values)
    };
    let blocks = Implementation {
        constants: quote! {
            const __FIELDS: [::relinkable::abi::Shape; #count] = #shapes;
            const __AT: [::relinkable::abi::Position; #count] = ::relinkable::abi::positions(__FIELDS);
        },
        shape: quote!(::relinkable::abi::Shape::record(&__FIELDS)),
        in_place: quote! {
            ::core::mem::size_of::<Self>() == ::relinkable::abi::Shape::record(&__FIELDS).size
            #(&& <#types as ::relinkable::Type>::IN_PLACE
                && ::core::mem::offset_of!(Self, #names) == __AT[#indices].bytes)*
        },
        any_bytes: quote!(#(<#types as ::relinkable::Type>::ANY_BYTES)&&*),
        keyword,
        members,
        lend: quote!(#(<#types as ::relinkable::Type>::lend(&self.#names, __to.at(__AT[#indices]), __scope);)*),
        give: quote! {
            let Self #pattern = self;
            #(<#types as ::relinkable::Value>::give(#variables, __to.at(__AT[#indices]));)*
        },
        take: read("take"),
        copy: read("copy"),
        discard: quote!(#(<#types as ::relinkable::Value>::discard(__from.at(__AT[#indices]));)*),
    };
    Ok(blocks.blocks(header))
}

/// A constant of a type, with the type's place in errors.
fn of_type(ty: &Type, constant: &str) -> TokenStream {
    let constant = Ident::new(constant, ty.span());
    quote_spanned!(ty.span()=> <#ty as ::relinkable::Type>::#constant)
}

/// Whether a type contains `owner` or `Self`.
fn mentions(tokens: TokenStream, owner: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == *owner || ident == "Self",
        proc_macro2::TokenTree::Group(group) => mentions(group.stream(), owner),
        _ => false,
    })
}
