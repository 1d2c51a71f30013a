//! The code that the macro generates.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{FnArg, ItemFn, Pat};

use crate::argument::{self, Arguments};
use crate::function::Function;
use crate::typed::{self, TypedFunction};
use crate::{declared, docs, kebab, name, record};

/// The import module of slots, the custom section with their records, and the prefix of exported originals.
pub const RELINK: &str = "relink";

/// The item that an attribute makes of `item`. If it cannot, the errors and the unchanged item, so that callers of the
/// function cause no further errors.
pub fn or_errors(item: TokenStream, expand: impl FnOnce(TokenStream) -> syn::Result<TokenStream>) -> TokenStream {
    expand(item.clone()).unwrap_or_else(|error| {
        let errors = error.into_compile_error();
        quote!(#item #errors)
    })
}

/// `item` as a slot.
///
/// # Errors
/// If it cannot be one.
pub fn slot(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments = Arguments::parse(arguments, &argument::SLOT)?;
    let item: ItemFn = syn::parse2(item.clone()).map_err(|_| not_a_function(item, "slot"))?;
    let suspend = arguments.suspend.is_some();
    if !Function::is_scalar(&item.sig) {
        let function = TypedFunction::of(&item.sig, "slot")?;
        let name = name::slot(arguments.name.as_ref(), &item.sig.ident)?;
        declared::declare(&name, &item.sig.ident)?;
        return Ok(typed::slot(&item, &function, &name, suspend));
    }
    let function = Function::of(&item)?;
    let name = name::slot(arguments.name.as_ref(), &item.sig.ident)?;
    declared::declare(&name, &item.sig.ident)?;

    let slot = on_wasm(&item, &function, &name, suspend);
    Ok(quote! {
        #[cfg(not(target_arch = "wasm32"))]
        #item
        #[cfg(target_arch = "wasm32")]
        #slot
    })
}

/// `item` as a typed export.
///
/// # Errors
/// If it cannot be one.
pub fn export(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments = Arguments::parse(arguments, &argument::EXPORT)?;
    let item: ItemFn = syn::parse2(item.clone()).map_err(|_| not_a_function(item, "typed export"))?;
    let function = TypedFunction::of(&item.sig, "typed export")?;
    let name = match &arguments.name {
        Some(name) => kebab::checked(&name.value(), name.span())?,
        None => function.name.clone(),
    };
    Ok(typed::export(&item, &function, &name))
}

/// `item` as typed imports.
///
/// # Errors
/// If it cannot be.
pub fn import(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let arguments = Arguments::parse(arguments, &argument::IMPORT)?;
    typed::import(&arguments, syn::parse2(item)?)
}

fn not_a_function(item: TokenStream, noun: &str) -> syn::Error {
    syn::Error::new_spanned(item, format!("only a free function with a body can be a {noun}"))
}

/// The function that calls the slot. It contains all other generated items, so that the function's attributes and lint
/// levels cover them, and the module gets no further names.
fn on_wasm(item: &ItemFn, function: &Function<'_>, name: &str, suspend: bool) -> TokenStream {
    let ItemFn { attrs, vis, .. } = item;
    let outer = called_by_name(&item.sig, &names(function));
    let inline = (!attrs.iter().any(|attribute| attribute.path().is_ident("inline"))).then(|| quote!(#[inline]));
    let import = imported(function, name);
    let original = original(item, function, name);
    let section = section(item, function, name, suspend);
    let assertions = function
        .parameters
        .iter()
        .filter_map(|parameter| parameter.scalar.assertion(parameter.ty))
        .chain(function.result.iter().filter_map(|(ty, scalar)| scalar.assertion(ty)));

    let sent =
        function.parameters.iter().zip(names(function)).map(|(parameter, name)| parameter.scalar.send(&quote!(#name)));
    let call = quote!(unsafe { __relinkable_import(#(#sent),*) });
    let call = match &function.result {
        Some((ty, scalar)) => scalar.receive(&call, ty, &format!("slot `{name}`: the linked implementation returned")),
        None => call,
    };
    quote! {
        #(#attrs)*
        #inline
        #vis #outer {
            #import
            #original
            #section
            const _: () = { #(#assertions)* };
            #call
        }
    }
}

/// The signature of the function with a name for every parameter.
pub fn called_by_name(signature: &syn::Signature, names: &[Ident]) -> syn::Signature {
    let mut signature = signature.clone();
    for (input, name) in signature.inputs.iter_mut().zip(names) {
        if let FnArg::Typed(parameter) = input {
            *parameter.pat = Pat::Verbatim(quote!(#name));
        }
    }
    signature
}

/// The import that every call of the slot goes through.
fn imported(function: &Function<'_>, name: &str) -> TokenStream {
    let names = names(function);
    let types = function.parameters.iter().map(|parameter| parameter.scalar.wire(parameter.ty));
    let result = wire_result(function);
    quote! {
        #[link(wasm_import_module = #RELINK)]
        unsafe extern "C" {
            #[link_name = #name]
            fn __relinkable_import(#(#names: #types),*) #result;
        }
    }
}

/// The exported original: the author's body between the conversions.
fn original(item: &ItemFn, function: &Function<'_>, name: &str) -> TokenStream {
    let export = format!("{RELINK}:{name}");
    let unsafety = &item.sig.unsafety;
    let mut signature = item.sig.clone();
    signature.ident = format_ident!("__relinkable_body", span = Span::mixed_site());
    let body = &item.block;

    let names = names(function);
    let types = function.parameters.iter().map(|parameter| parameter.scalar.wire(parameter.ty));
    let result = wire_result(function);
    let received = function.parameters.iter().zip(&names).map(|(parameter, wire)| {
        let message = format!("slot `{name}`: the parameter `{}` is", parameter.label());
        parameter.scalar.receive(&quote!(#wire), parameter.ty, &message)
    });
    let call = quote!(__relinkable_body(#(#received),*));
    let call = if unsafety.is_some() { quote!(unsafe { #call }) } else { call };
    let call = match &function.result {
        Some((_, scalar)) => scalar.send(&call),
        None => call,
    };
    quote! {
        #[unsafe(export_name = #export)]
        #unsafety extern "C" fn __relinkable_original(#(#names: #types),*) #result {
            #signature #body
            #call
        }
    }
}

/// The record in the custom section. The compiler writes the section even without `#[used]`, which would keep a second copy
/// in the plugin's memory.
fn section(item: &ItemFn, function: &Function<'_>, name: &str, suspend: bool) -> TokenStream {
    let record = record::line(name, function, docs::text(&item.attrs).as_deref(), suspend);
    let length = record.len();
    let bytes = Literal::byte_string(record.as_bytes());
    quote! {
        #[unsafe(link_section = #RELINK)]
        static __RELINKABLE_RECORD: [::core::primitive::u8; #length] = *#bytes;
    }
}

fn wire_result(function: &Function<'_>) -> Option<TokenStream> {
    function.result.as_ref().map(|(ty, scalar)| {
        let wire = scalar.wire(ty);
        quote!(-> #wire)
    })
}

/// A name for every parameter: the author's, or one that cannot clash.
fn names(function: &Function<'_>) -> Vec<Ident> {
    function
        .parameters
        .iter()
        .enumerate()
        .map(|(index, parameter)| match parameter.name {
            Some(name) => name.clone(),
            None => format_ident!("__relinkable_{index}", span = Span::mixed_site()),
        })
        .collect()
}
