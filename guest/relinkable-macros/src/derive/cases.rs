//! Enums.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::DataEnum;

use crate::argument;
use crate::derive::fields::Fields;
use crate::derive::implementation::Implementation;
use crate::derive::{Header, arguments, wit_docs, wit_name};
use crate::function::Objections;

struct Case<'a> {
    ident: &'a Ident,
    /// Its name in WIT
    name: String,
    docs: String,
    fields: Fields<'a>,
}

/// The implementations for an enum.
///
/// # Errors
/// If a field's type shows that it cannot be one.
pub fn expand(header: &Header<'_>, data: &DataEnum) -> syn::Result<TokenStream> {
    let cases = cases(header, data)?;
    if cases.is_empty() {
        return Err(syn::Error::new_spanned(header.ident, "an enum without cases has no values: give it one"));
    }
    let has_data = cases.iter().any(|case| !case.fields.fields.is_empty());
    let members = cases.iter().map(|Case { ident, name, docs, fields }| {
        let wit = fields.case_wit(header, ident, name);
        quote!(::relinkable::abi::Member { name: #name, docs: #docs, wit: #wit })
    });
    let count = cases.len();
    let total = count as u32;
    let shapes = cases.iter().enumerate().map(|(index, case)| {
        let (shapes, count) = (case.fields.shapes(), case.fields.fields.len());
        let (fields, at) = (format_ident!("__FIELDS_{index}"), at(index));
        quote! {
            const #fields: [::relinkable::abi::Shape; #count] = #shapes;
            #[allow(dead_code)]
            const #at: [::relinkable::abi::Position; #count] = ::relinkable::abi::positions(#fields);
        }
    });
    let names = (0..count).map(|index| format_ident!("__FIELDS_{index}"));
    let name = &header.name;
    let refused = quote!(__other => ::relinkable::abi::refusal::discriminant(__what, #name, __other, #total));
    let (take, copy) = (reads(&cases, "take"), reads(&cases, "copy"));
    let discards = cases.iter().enumerate().map(|(case, Case { fields, .. })| {
        let (value, at) = (case as u32, at(case));
        let discards = fields.fields.iter().enumerate().map(|(index, field)| {
            let ty = field.ty;
            quote!(<#ty as ::relinkable::Value>::discard(__from.at(__PAYLOAD).at(#at[#index]));)
        });
        quote!(#value => { #(#discards)* })
    });
    let blocks = Implementation {
        constants: quote! {
            #(#shapes)*
            const __CASES: [::relinkable::abi::Shape; #count] = [#(::relinkable::abi::Shape::record(&#names)),*];
            #[allow(dead_code)]
            const __PAYLOAD: ::relinkable::abi::Position = ::relinkable::abi::payload(&__CASES);
            const __TAG: ::core::primitive::usize = ::relinkable::abi::tag_size(#count);
        },
        shape: quote!(::relinkable::abi::Shape::variant(&__CASES)),
        in_place: quote!(false),
        any_bytes: quote!(false),
        keyword: if has_data { quote!(Variant) } else { quote!(Enum) },
        members: quote!(#(#members),*),
        lend: writes(&cases, "Type", "lend", Some(quote!(__scope))),
        give: writes(&cases, "Value", "give", None),
        take: quote!(match __from.get::<__TAG>() { #take #refused }),
        copy: quote!(match __from.get::<__TAG>() { #copy #refused }),
        discard: quote!(match __from.get::<__TAG>() { #(#discards)* _ => {} }),
    };
    Ok(blocks.blocks(header))
}

fn cases<'a>(header: &Header<'_>, data: &'a DataEnum) -> syn::Result<Vec<Case<'a>>> {
    let mut objections = Objections::default();
    let mut cases: Vec<Case<'a>> = Vec::new();
    for variant in &data.variants {
        let case = arguments(&variant.attrs, &argument::MEMBER).and_then(|arguments| {
            Ok(Case {
                ident: &variant.ident,
                name: wit_name(&variant.ident, &arguments)?,
                docs: wit_docs(&variant.attrs),
                fields: Fields::of(header.ident, &variant.fields)?,
            })
        });
        let Some(case) = objections.take(case) else { continue };
        match cases.iter().find(|other| other.name == case.name) {
            None => cases.push(case),
            Some(other) => objections.push(
                variant,
                &format!("`{}` and `{}` are both `{}` in WIT: rename one", other.ident, case.ident, case.name),
            ),
        }
    }
    objections.none()?;
    Ok(cases)
}

/// Writes the discriminant of `self`, and its fields by a method.
fn writes(cases: &[Case<'_>], of: &str, method: &str, scope: Option<TokenStream>) -> TokenStream {
    let (of, method) = (format_ident!("{of}"), format_ident!("{method}"));
    let arms = cases.iter().enumerate().map(|(case, Case { ident, fields, .. })| {
        let (value, at) = (case as u32, at(case));
        let pattern = fields.braces(|_, field| field.variable.to_token_stream());
        let writes = fields.fields.iter().enumerate().map(|(index, field)| {
            let (ty, variable) = (field.ty, &field.variable);
            let scope = scope.iter();
            quote!(<#ty as ::relinkable::#of>::#method(#variable, __to.at(__PAYLOAD).at(#at[#index]) #(, #scope)*);)
        });
        quote! {
            Self::#ident #pattern => {
                __to.put::<__TAG>(#value);
                #(#writes)*
            }
        }
    });
    quote!(match self { #(#arms)* })
}

/// Reads the fields of each case by a method.
fn reads(cases: &[Case<'_>], method: &str) -> TokenStream {
    let method = format_ident!("{method}");
    let arms = cases.iter().enumerate().map(|(case, Case { ident, fields, .. })| {
        let (value, at) = (case as u32, at(case));
        let values = fields.braces(|index, field| {
            let ty = field.ty;
            quote!(<#ty as ::relinkable::Value>::#method(__from.at(__PAYLOAD).at(#at[#index]), __what))
        });
        quote!(#value => Self::#ident #values,)
    });
    quote!(#(#arms)*)
}

fn at(case: usize) -> Ident {
    format_ident!("__AT_{case}")
}
