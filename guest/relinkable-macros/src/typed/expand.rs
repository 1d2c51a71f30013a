//! The code of typed functions.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, ItemFn, Type};

use crate::expand::{RELINK, called_by_name};
use crate::typed::TypedFunction;
use crate::typed::record::{About, around};
use crate::{docs, unsupported};

/// Number of core parameters that a typed function can have: 16, and the address for the result.
const CORE_PARAMETERS: usize = 17;

/// A typed slot.
pub fn slot(item: &ItemFn, function: &TypedFunction<'_>, name: &str, suspend: bool) -> TokenStream {
    let docs = docs::text(&item.attrs);
    let about = About { kind: "slot", name, docs: docs.as_deref(), suspend, ..About::default() };
    let code = Code::new(function, format!("slot `{name}`"), &about);
    let Code { constants, .. } = &code;
    let check = code.check(&item.attrs);

    let ItemFn { attrs, vis, block, .. } = item;
    let outer = called_by_name(&item.sig, &code.variables());
    let inline = (!attrs.iter().any(|attribute| attribute.path().is_ident("inline"))).then(|| quote!(#[inline]));
    let mut signature = item.sig.clone();
    signature.ident = format_ident!("__relinkable_body", span = Span::mixed_site());
    let body = quote!(__relinkable_body);
    let import = code.import(RELINK, name);
    let original = code.original(&format!("{RELINK}:{name}"), &body, item.sig.unsafety.is_some());
    let lifted = code.lifted(&format!("{RELINK}:lifted:{name}"), &body, item.sig.unsafety.is_some());
    let record = code.section();
    let call = code.call("the linked implementation returned a value that");
    quote! {
        #[cfg(not(target_arch = "wasm32"))]
        #item
        #[cfg(not(target_arch = "wasm32"))]
        #check
        #[cfg(target_arch = "wasm32")]
        #(#attrs)*
        #inline
        #vis #outer {
            #constants
            #signature #block
            #import
            #original
            #lifted
            #record
            #call
        }
    }
}

/// A typed export: the function itself, and what the host calls.
pub fn export(item: &ItemFn, function: &TypedFunction<'_>, name: &str) -> TokenStream {
    let docs = docs::text(&item.attrs);
    let about = About { kind: "export", name, docs: docs.as_deref(), ..About::default() };
    let code = Code::new(function, format!("export `{name}`"), &about);
    let Code { constants, .. } = &code;
    let check = code.check(&item.attrs);
    let conditions = conditions(&item.attrs);
    let ident = &item.sig.ident;
    let lifted = code.lifted(name, &quote!(#ident), item.sig.unsafety.is_some());
    let record = code.section();
    quote! {
        #item
        #[cfg(not(target_arch = "wasm32"))]
        #check
        #[cfg(target_arch = "wasm32")]
        #(#conditions)*
        const _: () = {
            #constants
            #lifted
            #record
        };
    }
}

/// The parts of a typed function's code.
pub(super) struct Code<'a> {
    function: &'a TypedFunction<'a>,
    /// The function, for messages: `` slot `shop::price` ``
    subject: String,
    /// Its core types and its record, which the compiler computes
    pub constants: TokenStream,
    result: TokenStream,
}

impl<'a> Code<'a> {
    pub fn new(function: &'a TypedFunction<'a>, subject: String, about: &About<'_>) -> Self {
        let result = function.result.map_or_else(|| quote!(()), |ty| quote!(#ty));
        let span = function.result.map_or_else(Span::call_site, |ty| ty.span());
        let count = function.parameters.len();
        let shapes = function.parameters.iter().map(|parameter| of_type(parameter.ty, "SHAPE"));
        let wits = function.parameters.iter().map(|parameter| of_type(parameter.ty, "WIT_WITHOUT_RECURSION"));
        let names = function.parameters.iter().map(|parameter| &parameter.name);
        let (before, after) = around(about, function);
        let (name, docs) = (&function.name, docs::wit(about.docs));
        let result_shape = of_type_tokens(&result, span, "SHAPE");
        let result_wit = of_type_tokens(&result, span, "WIT_WITHOUT_RECURSION");
        let constants = quote! {
            const __RELINKABLE_ABI: ::relinkable::abi::Abi<#count> =
                ::relinkable::abi::Abi::new([#(#shapes),*], #result_shape);
            const __RELINKABLE_WIT: ::relinkable::abi::Interface<'static> = ::relinkable::abi::Interface {
                before: #before,
                name: #name,
                docs: #docs,
                parameters: &[#(::relinkable::abi::Parameter { name: #names, wit: #wits }),*],
                result: #result_wit,
                after: #after,
            };
        };
        Self { function, subject, constants, result }
    }

    /// The check of the types on other targets, so that errors are found there too.
    pub fn check(&self, attributes: &[Attribute]) -> TokenStream {
        let conditions = conditions(attributes);
        let constants = &self.constants;
        quote! {
            #(#conditions)*
            const _: () = {
                #constants
                ::core::assert!(__RELINKABLE_WIT.length() > 0 && __RELINKABLE_ABI.result.align > 0);
            };
        }
    }

    pub fn variables(&self) -> Vec<Ident> {
        self.function.parameters.iter().map(|parameter| parameter.variable.clone()).collect()
    }

    /// The record in the custom section.
    pub fn section(&self) -> TokenStream {
        quote! {
            #[unsafe(link_section = #RELINK)]
            static __RELINKABLE_RECORD: [::core::primitive::u8; __RELINKABLE_WIT.length()] = __RELINKABLE_WIT.bytes();
        }
    }

    /// The declaration of the imported function.
    pub fn import(&self, module: &str, name: &str) -> TokenStream {
        let parameters = core_parameters("lowered");
        let names = core_names();
        let result = wire(quote!(lowered_result()));
        quote! {
            #[link(wasm_import_module = #module)]
            #[allow(improper_ctypes)]
            unsafe extern "C" {
                #[link_name = #name]
                fn __relinkable_import(#(#names: #parameters),*) -> #result;
            }
        }
    }

    /// The call of the imported function. `returned` is the subject of messages about its result.
    pub fn call(&self, returned: &str) -> TokenStream {
        let lends = self.function.parameters.iter().enumerate().map(|(index, parameter)| {
            let (ty, variable) = (parameter.ty, &parameter.variable);
            let borrow = (!parameter.by_reference).then(|| quote!(&));
            quote! {
                <#ty as ::relinkable::Type>::lend(
                    #borrow #variable,
                    __relinkable_to.at(__RELINKABLE_ABI.positions[#index]),
                    &mut __relinkable_scope,
                );
            }
        });
        let lends: Vec<_> = lends.collect();
        let arguments = (0..CORE_PARAMETERS).map(|index| of_bits(quote!(lowered(#index)), index));
        let result = &self.result;
        let what = format!("{}: {returned}", self.subject);
        let returned = numbered(quote!(lowered_result()));
        quote! {
            let mut __relinkable_scope = ::relinkable::abi::Scope::new();
            let mut __relinkable_words = ::relinkable::abi::Words::zero();
            let mut __relinkable_area = ::relinkable::abi::Area::<{ __RELINKABLE_ABI.parameter_area() }>::new();
            let mut __relinkable_result = ::relinkable::abi::Area::<{ __RELINKABLE_ABI.result_area() }>::new();
            unsafe {
                use ::relinkable::abi::{Place as _, Target as _};
                if __RELINKABLE_ABI.in_memory() {
                    let __relinkable_to = __relinkable_area.memory();
                    #(#lends)*
                    __relinkable_words.0[0] = ::core::primitive::u64::from(__relinkable_to.address());
                } else {
                    let __relinkable_to = __relinkable_words.target();
                    #(#lends)*
                }
                if __RELINKABLE_ABI.returns_area() {
                    __relinkable_words.0[__RELINKABLE_ABI.return_pointer()] =
                        ::core::primitive::u64::from(__relinkable_result.memory().address());
                }
                let __relinkable_returned = __relinkable_import(#(#arguments),*);
                ::core::mem::drop(__relinkable_scope);
                if __RELINKABLE_ABI.returns_area() {
                    <#result as ::relinkable::Value>::take(__relinkable_result.memory(), #what)
                } else {
                    __relinkable_words.0[0] = <#returned as ::relinkable::abi::CoreType>::bits(__relinkable_returned);
                    <#result as ::relinkable::Value>::take(__relinkable_words.source(), #what)
                }
            }
        }
    }

    /// The export in the import's shape: its arguments are lent.
    pub fn original(&self, export: &str, body: &TokenStream, is_unsafe: bool) -> TokenStream {
        let parameters = core_parameters("lowered");
        let names = core_names();
        let result = wire(quote!(lowered_result()));
        let reads = self.reads(|ty, by_reference| match by_reference {
            true => quote!(<#ty as ::relinkable::Type>::hold),
            false => quote!(<#ty as ::relinkable::Value>::copy),
        });
        let arguments = self.function.parameters.iter().enumerate().map(|(index, parameter)| {
            let held = held(index);
            if parameter.by_reference { quote!(&#held) } else { quote!(#held) }
        });
        let unsafety = is_unsafe.then(|| quote!(unsafe));
        let words = words("lowered");
        let value = of_bits(quote!(lowered_result()), 0);
        let ty = &self.result;
        quote! {
            #[unsafe(export_name = #export)]
            #[allow(improper_ctypes_definitions)]
            #unsafety extern "C" fn __relinkable_original(#(#names: #parameters),*) -> #result {
                #[allow(unused_imports)]
                use ::relinkable::abi::{Place as _, Source as _, Target as _};
                let mut __relinkable_words = #words;
                unsafe {
                    #reads
                    let __relinkable_value: #ty = #body(#(#arguments),*);
                    if __RELINKABLE_ABI.returns_area() {
                        let __relinkable_to = ::relinkable::abi::Memory::of_address(
                            __relinkable_words.0[__RELINKABLE_ABI.return_pointer()] as ::core::primitive::u32,
                        );
                        <#ty as ::relinkable::Value>::give(__relinkable_value, __relinkable_to);
                    } else {
                        <#ty as ::relinkable::Value>::give(__relinkable_value, __relinkable_words.target());
                    }
                    #value
                }
            }
        }
    }

    /// The export for JavaScript and other plugins: it owns its arguments.
    pub fn lifted(&self, export: &str, body: &TokenStream, is_unsafe: bool) -> TokenStream {
        let parameters = core_parameters("lifted");
        let names = core_names();
        let result = wire(quote!(lifted_result()));
        let reads = self.reads(|ty, by_reference| match by_reference {
            true => quote!(<<#ty as ::relinkable::Type>::Owned as ::relinkable::Value>::take),
            false => quote!(<#ty as ::relinkable::Value>::take),
        });
        let arguments = self.function.parameters.iter().enumerate().map(|(index, parameter)| {
            let (held, ty) = (held(index), parameter.ty);
            match parameter.by_reference {
                true => quote!(
                    <<#ty as ::relinkable::Type>::Owned as ::core::borrow::Borrow<#ty>>::borrow(&#held)
                ),
                false => quote!(#held),
            }
        });
        let unsafety = is_unsafe.then(|| quote!(unsafe));
        let words = words("lifted");
        let value = of_bits(quote!(lifted_result()), 0);
        let ty = &self.result;
        let post = self.function.result.is_some_and(unsupported::may_own_memory).then(|| self.post(export));
        quote! {
            #[unsafe(export_name = #export)]
            #[allow(improper_ctypes_definitions)]
            #unsafety extern "C" fn __relinkable_lifted(#(#names: #parameters),*) -> #result {
                #[allow(unused_imports)]
                use ::relinkable::abi::{Place as _, Source as _, Target as _};
                static __RELINKABLE_RESULT: ::relinkable::abi::ResultArea<{ __RELINKABLE_ABI.result_area() }> =
                    ::relinkable::abi::ResultArea::new();
                let mut __relinkable_words = #words;
                unsafe {
                    #reads
                    if __RELINKABLE_ABI.in_memory() {
                        ::relinkable::abi::free(
                            ::relinkable::abi::Memory::of_address(__relinkable_words.0[0] as ::core::primitive::u32),
                            __RELINKABLE_ABI.parameters.size,
                            __RELINKABLE_ABI.parameters.align,
                        );
                    }
                    let __relinkable_value: #ty = #body(#(#arguments),*);
                    __relinkable_words = ::relinkable::abi::Words::zero();
                    if __RELINKABLE_ABI.returns_area() {
                        let __relinkable_to = __RELINKABLE_RESULT.memory();
                        <#ty as ::relinkable::Value>::give(__relinkable_value, __relinkable_to);
                        __relinkable_words.0[0] = ::core::primitive::u64::from(__relinkable_to.address());
                    } else {
                        <#ty as ::relinkable::Value>::give(__relinkable_value, __relinkable_words.target());
                    }
                    #value
                }
            }
            #post
        }
    }

    /// The export that frees a result after the host has read it.
    fn post(&self, export: &str) -> TokenStream {
        let export = format!("cabi_post_{export}");
        let (ty, result) = (&self.result, wire(quote!(lifted_result())));
        let bits = numbered(quote!(lifted_result()));
        quote! {
            #[unsafe(export_name = #export)]
            #[allow(improper_ctypes_definitions)]
            extern "C" fn __relinkable_post(__relinkable_result: #result) {
                if __RELINKABLE_ABI.returns_area() {
                    let __relinkable_address = <#bits as ::relinkable::abi::CoreType>::bits(__relinkable_result);
                    unsafe {
                        <#ty as ::relinkable::Value>::discard(::relinkable::abi::Memory::of_address(
                            __relinkable_address as ::core::primitive::u32,
                        ));
                    }
                }
            }
        }
    }

    /// Reads the parameters into variables: from the core values, or from the memory that they are in.
    fn reads(&self, method: impl Fn(&Type, bool) -> TokenStream) -> TokenStream {
        let variables = (0..self.function.parameters.len()).map(held);
        let reads: Vec<_> = self
            .function
            .parameters
            .iter()
            .enumerate()
            .map(|(index, parameter)| {
                let method = method(parameter.ty, parameter.by_reference);
                let what = format!("{}: the parameter `{}`", self.subject, parameter.label);
                quote!(#method(__relinkable_from.at(__RELINKABLE_ABI.positions[#index]), #what))
            })
            .collect();
        if reads.is_empty() {
            return TokenStream::new();
        }
        quote! {
            let (#(#variables,)*) = if __RELINKABLE_ABI.in_memory() {
                let __relinkable_from =
                    ::relinkable::abi::Memory::of_address(__relinkable_words.0[0] as ::core::primitive::u32);
                (#(#reads,)*)
            } else {
                let __relinkable_from = __relinkable_words.source();
                (#(#reads,)*)
            };
        }
    }
}

/// The conditions under which an item is there.
pub(super) fn conditions(attributes: &[Attribute]) -> Vec<&Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// A constant of a type, with the type's place in errors.
fn of_type(ty: &Type, constant: &str) -> TokenStream {
    of_type_tokens(&quote!(#ty), ty.span(), constant)
}

fn of_type_tokens(ty: &TokenStream, span: Span, constant: &str) -> TokenStream {
    let constant = Ident::new(constant, span);
    quote_spanned!(span=> <#ty as ::relinkable::Type>::#constant)
}

fn held(index: usize) -> Ident {
    format_ident!("__relinkable_held_{index}")
}

fn core_names() -> Vec<Ident> {
    (0..CORE_PARAMETERS).map(|index| format_ident!("__relinkable_{index}")).collect()
}

/// The types of the core parameters. Those beyond the last are units, which have no place in an `extern "C"` function.
fn core_parameters(shape: &str) -> Vec<TokenStream> {
    let shape = format_ident!("{shape}");
    (0..CORE_PARAMETERS).map(|index| wire(quote!(#shape(#index)))).collect()
}

/// The core parameters as bits.
fn words(shape: &str) -> TokenStream {
    let shape = format_ident!("{shape}");
    let bits = core_names().into_iter().enumerate().map(|(index, name)| {
        let core = numbered(quote!(#shape(#index)));
        quote!(<#core as ::relinkable::abi::CoreType>::bits(#name))
    });
    quote!(::relinkable::abi::Words([#(#bits),*]))
}

fn of_bits(core: TokenStream, index: usize) -> TokenStream {
    let core = numbered(core);
    quote!(<#core as ::relinkable::abi::CoreType>::of(__relinkable_words.0[#index]))
}

fn wire(core: TokenStream) -> TokenStream {
    quote!(::relinkable::abi::Wire<{ __RELINKABLE_ABI.#core }>)
}

fn numbered(core: TokenStream) -> TokenStream {
    quote!(::relinkable::abi::Numbered<{ __RELINKABLE_ABI.#core }>)
}
