//! Typed imports.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::{Attribute, ForeignItem, ForeignItemFn, Item, ItemFn, Signature, Visibility};

use crate::argument::Arguments;
use crate::expand::called_by_name;
use crate::function::Objections;
use crate::typed::TypedFunction;
use crate::typed::expand::Code;
use crate::typed::record::About;
use crate::{docs, kebab};

/// The module of imports without another.
const MODULE: &str = "env";

/// A typed import: a function whose body runs on other targets, or the functions of an `extern` block.
///
/// # Errors
/// If it is neither, or a function cannot be one.
pub fn import(arguments: &Arguments, item: Item) -> syn::Result<TokenStream> {
    let module = arguments.module.as_ref().map_or_else(|| MODULE.to_owned(), syn::LitStr::value);
    match item {
        Item::Fn(item) => {
            let on_wasm = declared(&item.attrs, &item.vis, &item.sig, &module, arguments)?;
            let check = check(&item.attrs, &item.sig, &module)?;
            Ok(quote! {
                #[cfg(not(target_arch = "wasm32"))]
                #item
                #[cfg(not(target_arch = "wasm32"))]
                #check
                #on_wasm
            })
        }
        Item::ForeignMod(block) => {
            let mut objections = Objections::default();
            let functions: Vec<_> = block
                .items
                .into_iter()
                .filter_map(|item| {
                    objections.take(foreign_function(item).and_then(|item| {
                        let on_wasm = declared(&item.attrs, &item.vis, &item.sig, &module, &Arguments::default())?;
                        let elsewhere = elsewhere(&item.attrs, &item.vis, &item.sig, &module)?;
                        Ok(quote!(#on_wasm #elsewhere))
                    }))
                })
                .collect();
            objections.none()?;
            Ok(quote!(#(#functions)*))
        }
        other => Err(syn::Error::new_spanned(
            other,
            "a typed import is a function, whose body runs on other targets than `wasm32`, or an `extern` block",
        )),
    }
}

/// A function of an `extern` block. `syn` does not parse `safe fn`, which says of a function what holds for each typed import.
fn foreign_function(item: ForeignItem) -> syn::Result<ForeignItemFn> {
    let refused = |item| {
        syn::Error::new_spanned(item, "only a function can be a typed import: write a function that returns the value")
    };
    match item {
        ForeignItem::Fn(item) => Ok(item),
        ForeignItem::Verbatim(tokens) => {
            let is_safe = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "safe");
            let mut all: Vec<_> = tokens.clone().into_iter().collect();
            if let Some(position) = all.iter().position(is_safe) {
                all.remove(position);
            }
            syn::parse2(all.into_iter().collect()).map_err(|_| refused(ForeignItem::Verbatim(tokens)))
        }
        other => Err(refused(other)),
    }
}

fn name(signature: &Signature, arguments: &Arguments) -> syn::Result<String> {
    arguments.name.as_ref().map_or_else(|| kebab::of(&signature.ident), |name| Ok(name.value()))
}

fn declared(
    attributes: &[Attribute],
    visibility: &Visibility,
    signature: &Signature,
    module: &str,
    arguments: &Arguments,
) -> syn::Result<TokenStream> {
    let function = TypedFunction::of(signature, "typed import")?;
    let name = name(signature, arguments)?;
    let docs = docs::text(attributes);
    let about = About {
        kind: "import",
        module: Some(module),
        name: &name,
        docs: docs.as_deref(),
        suspend: arguments.suspend.is_some(),
    };
    let code = Code::new(&function, format!("import `{module}.{name}`"), &about);
    let outer = called_by_name(signature, &code.variables());
    let (constants, import, record) = (&code.constants, code.import(module, &name), code.section());
    let call = code.call("the host returned a value that");
    Ok(quote! {
        #[cfg(target_arch = "wasm32")]
        #(#attributes)*
        #visibility #outer {
            #constants
            #import
            #record
            #call
        }
    })
}

/// The check of the types on other targets.
fn check(attributes: &[Attribute], signature: &Signature, module: &str) -> syn::Result<TokenStream> {
    let function = TypedFunction::of(signature, "typed import")?;
    let about = About { kind: "import", module: Some(module), name: "", ..About::default() };
    Ok(Code::new(&function, String::new(), &about).check(attributes))
}

/// A function of an `extern` block on other targets: there is no host, so it panics.
fn elsewhere(
    attributes: &[Attribute],
    visibility: &Visibility,
    signature: &Signature,
    module: &str,
) -> syn::Result<TokenStream> {
    let check = check(attributes, signature, module)?;
    let message = format!(
        "the import `{module}.{}` needs a host: give the function a body, outside of the `extern` block, for other \
         targets than `wasm32`",
        kebab::of(&signature.ident)?
    );
    let names: Vec<_> = (0..signature.inputs.len())
        .map(|index| format_ident!("__relinkable_{index}", span = Span::mixed_site()))
        .collect();
    let signature = called_by_name(signature, &names);
    let item: ItemFn = syn::parse2(quote! {
        #(#attributes)*
        #[cfg(not(target_arch = "wasm32"))]
        #visibility #signature {
            #(let _ = #names;)*
            ::core::panic!(#message)
        }
    })?;
    Ok(quote! {
        #item
        #[cfg(not(target_arch = "wasm32"))]
        #check
    })
}
