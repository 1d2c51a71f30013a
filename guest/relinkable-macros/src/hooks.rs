//! Hooks of commits: exports that the host calls before it relinks.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

/// `#[self_test]`: `item` is a function without parameters that returns `Result<(), E>`, where `E` is `Display`.
pub fn self_test(item: TokenStream) -> syn::Result<TokenStream> {
    let function = hook(item, 0, "`#[self_test]` needs a function like `fn self_test() -> Result<(), String>`")?;
    let name = &function.sig.ident;
    let verdict = verdict(&quote!(super::#name()));
    Ok(exported(
        &function,
        &quote! {
            #[unsafe(export_name = "relink:self_test")]
            extern "C" fn self_test() -> u64 { #verdict }
        },
    ))
}

/// `#[hand_over]`: `item` is a function without parameters that returns the state as `Vec<u8>`.
pub fn hand_over(item: TokenStream) -> syn::Result<TokenStream> {
    let function = hook(item, 0, "`#[hand_over]` needs a function like `fn hand_over() -> Vec<u8>`")?;
    let name = &function.sig.ident;
    Ok(exported(
        &function,
        &quote! {
            #[unsafe(export_name = "relink:hand_over")]
            extern "C" fn hand_over() -> u64 { hold(super::#name()) }
        },
    ))
}

/// `#[take_over]`: `item` is a function that takes the state as `&[u8]` and returns `Result<(), E>`, where `E` is `Display`.
pub fn take_over(item: TokenStream) -> syn::Result<TokenStream> {
    let usage = "`#[take_over]` needs a function like `fn take_over(state: &[u8]) -> Result<(), String>`";
    let function = hook(item, 1, usage)?;
    let name = &function.sig.ident;
    let verdict = verdict(&quote!(super::#name(&state)));
    Ok(exported(
        &function,
        &quote! {
            #[unsafe(export_name = "relink:buffer")]
            extern "C" fn buffer(length: u32) -> u32 {
                (hold(::std::vec![0; length as usize]) >> 32) as u32
            }

            #[unsafe(export_name = "relink:take_over")]
            extern "C" fn take_over() -> u64 {
                let state = ::core::mem::take(&mut *held());
                #verdict
            }
        },
    ))
}

/// A free function with a body and so many parameters.
fn hook(item: TokenStream, parameters: usize, usage: &str) -> syn::Result<ItemFn> {
    let refused = |item: &dyn quote::ToTokens| syn::Error::new_spanned(item.to_token_stream(), usage);
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| refused(&item))?;
    let signature = &function.sig;
    let is_plain = signature.asyncness.is_none() && signature.generics.params.is_empty();
    if is_plain && signature.receiver().is_none() && signature.inputs.len() == parameters {
        return Ok(function);
    }
    Err(refused(&signature))
}

/// The code that makes the result of an export from a `Result`: 0, or where the error's message is.
fn verdict(call: &TokenStream) -> TokenStream {
    quote! {
        match #call {
            ::core::result::Result::Ok(()) => 0,
            ::core::result::Result::Err(error) => hold(::std::string::ToString::to_string(&error).into_bytes()),
        }
    }
}

/// The function, and on `wasm32` the exports that call it. `held` has the bytes that the host reads or writes next.
fn exported(function: &ItemFn, exports: &TokenStream) -> TokenStream {
    let module = quote::format_ident!("__relinkable_{}", function.sig.ident);
    quote! {
        #function

        #[cfg(target_arch = "wasm32")]
        mod #module {
            fn held() -> ::std::sync::MutexGuard<'static, ::std::vec::Vec<u8>> {
                static HELD: ::std::sync::Mutex<::std::vec::Vec<u8>> = ::std::sync::Mutex::new(::std::vec::Vec::new());
                HELD.lock().unwrap_or_else(::std::sync::PoisonError::into_inner)
            }

            /// Holds bytes for the host. Returns their address in the upper 32 bits, and their number in the lower ones.
            fn hold(bytes: ::std::vec::Vec<u8>) -> u64 {
                let mut held = held();
                *held = bytes;
                (held.as_ptr().addr() as u64) << 32 | held.len() as u64
            }

            #exports
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_of_the_right_shape_are_hooks() {
        let text = |item: &str| take_over(item.parse().unwrap()).map(|code| code.to_string());
        assert!(text("fn take(state: &[u8]) -> Result<(), String> { Ok(()) }").unwrap().contains("relink:take_over"));
        for wrong in ["fn take() {}", "struct Take;", "async fn take(state: &[u8]) {}", "fn take<T>(state: T) {}"] {
            assert!(text(wrong).unwrap_err().to_string().starts_with("`#[take_over]` needs"), "{wrong}");
        }
    }
}
