//! The check that a function can be a slot.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{FnArg, GenericParam, Ident, ItemFn, Pat, PatType, ReturnType, Signature, Type};

use crate::scalar::Scalar;

/// A function whose signature a slot can have.
pub struct Function<'a> {
    pub parameters: Vec<Parameter<'a>>,
    /// The result; `None` for the unit
    pub result: Option<(&'a Type, Scalar)>,
}

/// A parameter of a slot function.
pub struct Parameter<'a> {
    pub ty: &'a Type,
    pub scalar: Scalar,
    /// The name; none if the pattern is not a name
    pub name: Option<&'a Ident>,
}

impl<'a> Function<'a> {
    /// Checks that `item` can be a slot.
    ///
    /// # Errors
    /// All objections at once.
    pub fn of(item: &'a ItemFn) -> syn::Result<Self> {
        let mut objections = Objections::default();
        qualifiers(&item.sig, &mut objections);
        let parameters = item.sig.inputs.iter().filter_map(|input| objections.take(Parameter::of(input))).collect();
        let result = objections.take(result(&item.sig.output)).flatten();
        objections.none()?;
        Ok(Self { parameters, result })
    }
}

impl Parameter<'_> {
    fn of(input: &FnArg) -> syn::Result<Parameter<'_>> {
        match input {
            FnArg::Receiver(receiver) => Err(syn::Error::new_spanned(
                receiver,
                "a method cannot be a slot: write a free function that takes a raw pointer",
            )),
            FnArg::Typed(PatType { attrs, .. }) if !attrs.is_empty() => Err(syn::Error::new_spanned(
                &attrs[0],
                "a parameter of a slot cannot have attributes: put them on the function",
            )),
            FnArg::Typed(PatType { pat, ty, .. }) => {
                let name = match &**pat {
                    Pat::Ident(pattern) => Some(&pattern.ident),
                    _ => None,
                };
                Ok(Parameter { ty, scalar: Scalar::of(ty)?, name })
            }
        }
    }

    /// Its name for messages, or `_`.
    pub fn label(&self) -> String {
        self.name.map_or_else(|| "_".to_owned(), |name| name.unraw().to_string())
    }
}

fn result(output: &ReturnType) -> syn::Result<Option<(&Type, Scalar)>> {
    match output {
        ReturnType::Default => Ok(None),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(None),
            ty => Ok(Some((ty, Scalar::of(ty)?))),
        },
    }
}

/// Refuses qualifiers: a slot has one WebAssembly type, and is called at run time like a plain function.
fn qualifiers(signature: &Signature, objections: &mut Objections) {
    if let Some(asyncness) = &signature.asyncness {
        objections.push(asyncness, "an `async fn` cannot be a slot: its future is no scalar");
    }
    if let Some(constness) = &signature.constness {
        objections.push(constness, "a `const fn` cannot be a slot: its implementation is chosen at run time");
    }
    if let Some(abi) = &signature.abi {
        objections.push(
            abi,
            "an `extern` function cannot be a slot: leave the ABI out, `#[relinkable]` exports the function itself",
        );
    }
    if let Some(variadic) = &signature.variadic {
        objections.push(variadic, "a variadic function cannot be a slot: write its parameters out");
    }
    for parameter in &signature.generics.params {
        let message = match parameter {
            GenericParam::Type(_) => "a generic function cannot be a slot: write one function for each type",
            GenericParam::Const(_) => "a generic function cannot be a slot: write one function for each value",
            GenericParam::Lifetime(_) => "a slot cannot have lifetime parameters: a raw pointer needs none",
        };
        objections.push(parameter, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        objections.push(clause, "a slot has no generic parameters, and no `where` clause");
    }
}

/// Collected errors, so that the author sees all of them at once.
#[derive(Default)]
struct Objections(Option<syn::Error>);

impl Objections {
    fn push(&mut self, tokens: impl ToTokens, message: &str) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    fn none(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(item: &str) -> Vec<String> {
        let item = syn::parse_str(item).unwrap();
        match Function::of(&item) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    #[test]
    fn parameters_have_labels() {
        let item: ItemFn =
            syn::parse_str("unsafe fn f(mut a: u8, _: i64, r#type: *const u8) -> bool { a > 0 }").unwrap();
        let function = Function::of(&item).unwrap();
        let labels: Vec<_> = function.parameters.iter().map(Parameter::label).collect();
        assert_eq!(labels, ["a", "_", "type"]);
        assert_eq!(function.result.unwrap().1.spelling, "bool");
    }

    #[test]
    fn the_unit_is_no_result() {
        for item in ["fn f() {}", "fn f() -> () {}"] {
            assert!(Function::of(&syn::parse_str(item).unwrap()).unwrap().result.is_none());
        }
    }

    #[test]
    fn all_objections_come_at_once() {
        let objections = objections("async fn f<T>(a: String, b: u128, c: u8) -> &'static str { \"\" }");
        assert_eq!(objections.len(), 5, "{objections:#?}");
    }
}
