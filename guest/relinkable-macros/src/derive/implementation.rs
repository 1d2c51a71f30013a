//! The implementation blocks of a derived type.

use proc_macro2::TokenStream;
use quote::quote;

use crate::derive::Header;

/// The parts that differ between records, variants and flags.
pub struct Implementation {
    /// Constants that the other parts use
    pub constants: TokenStream,
    pub shape: TokenStream,
    pub in_place: TokenStream,
    pub any_bytes: TokenStream,
    /// The kind of the definition
    pub keyword: TokenStream,
    /// Its `Member`s
    pub members: TokenStream,
    /// Writes `self`, which is borrowed
    pub lend: TokenStream,
    /// Writes `self`
    pub give: TokenStream,
    pub take: TokenStream,
    pub copy: TokenStream,
    pub discard: TokenStream,
}

impl Implementation {
    /// The implementation blocks.
    pub fn blocks(&self, header: &Header<'_>) -> TokenStream {
        let Header { ident, name, docs } = header;
        let Self { constants, shape, in_place, any_bytes, keyword, members, lend, give, take, copy, discard } = self;
        quote! {
            const _: () = {
                #[allow(unused_imports)]
                use ::relinkable::abi::{Place as _, Source as _, Target as _};
                #constants

                unsafe impl ::relinkable::Type for #ident {
                    type Owned = Self;
                    const SHAPE: ::relinkable::abi::Shape = #shape;
                    const WIT_WITHOUT_RECURSION: &'static ::relinkable::abi::Wit =
                        &::relinkable::abi::Wit::Defined(&::relinkable::abi::Definition {
                            id: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#ident)),
                            name: #name,
                            docs: #docs,
                            keyword: ::relinkable::abi::Keyword::#keyword,
                            members: &[#members],
                        });
                    const IN_PLACE: ::core::primitive::bool = #in_place;
                    const ANY_BYTES: ::core::primitive::bool = #any_bytes;

                    #[inline]
                    unsafe fn lend<__Place: ::relinkable::abi::Target>(
                        &self,
                        __to: __Place,
                        __scope: &mut ::relinkable::abi::Scope,
                    ) {
                        unsafe { #lend }
                    }
                }

                unsafe impl ::relinkable::Value for #ident {
                    #[inline]
                    unsafe fn give<__Place: ::relinkable::abi::Target>(self, __to: __Place) {
                        unsafe { #give }
                    }

                    #[inline]
                    unsafe fn take<__Place: ::relinkable::abi::Source>(
                        __from: __Place,
                        __what: ::relinkable::abi::What,
                    ) -> Self {
                        unsafe { #take }
                    }

                    #[inline]
                    unsafe fn copy<__Place: ::relinkable::abi::Source>(
                        __from: __Place,
                        __what: ::relinkable::abi::What,
                    ) -> Self {
                        unsafe { #copy }
                    }

                    #[inline]
                    unsafe fn discard<__Place: ::relinkable::abi::Source>(__from: __Place) {
                        unsafe { #discard }
                    }
                }
            };
        }
    }
}
