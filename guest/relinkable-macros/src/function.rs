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
        qualifiers(&item.sig, "slot", &mut objections);
        let parameters = item.sig.inputs.iter().filter_map(|input| objections.take(Parameter::of(input))).collect();
        let result = objections.take(result(&item.sig.output)).flatten();
        objections.none()?;
        Ok(Self { parameters, result })
    }
}

impl Function<'_> {
    /// Whether all types of a function are scalars. Objections to its other parts are not looked for.
    pub fn is_scalar(signature: &Signature) -> bool {
        let parameters = signature.inputs.iter().all(|input| match input {
            FnArg::Receiver(_) => true,
            FnArg::Typed(PatType { ty, .. }) => Scalar::of(ty).is_ok(),
        });
        parameters && result(&signature.output).is_ok()
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
        label(self.name)
    }
}

/// The name of a parameter for messages, or `_`.
pub fn label(name: Option<&Ident>) -> String {
    name.map_or_else(|| "_".to_owned(), |name| name.unraw().to_string())
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
pub fn qualifiers(signature: &Signature, noun: &str, objections: &mut Objections) {
    let a = if noun == "export" { "an" } else { "a" };
    if let Some(asyncness) = &signature.asyncness {
        objections.push(
            asyncness,
            &format!("an `async fn` cannot be {a} {noun}: write a plain function; its caller waits for the result"),
        );
    }
    if let Some(constness) = &signature.constness {
        objections
            .push(constness, &format!("a `const fn` cannot be {a} {noun}: its implementation is chosen at run time"));
    }
    if let Some(abi) = &signature.abi {
        objections.push(
            abi,
            &format!(
                "an `extern` function cannot be {a} {noun}: leave the ABI out, the attribute exports the function itself"
            ),
        );
    }
    if let Some(variadic) = &signature.variadic {
        objections.push(variadic, &format!("a variadic function cannot be {a} {noun}: write its parameters out"));
    }
    for parameter in &signature.generics.params {
        let message = match parameter {
            GenericParam::Type(_) => {
                format!("a generic function cannot be {a} {noun}: write one function for each type")
            }
            GenericParam::Const(_) => {
                format!("a generic function cannot be {a} {noun}: write one function for each value")
            }
            GenericParam::Lifetime(_) => {
                format!("{a} {noun} cannot have lifetime parameters: leave them out, arguments are lent for the call")
            }
        };
        objections.push(parameter, &message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        objections.push(clause, &format!("{a} {noun} has no generic parameters, and no `where` clause"));
    }
}

/// Collected errors, so that the author sees all of them at once.
#[derive(Default)]
pub struct Objections(Option<syn::Error>);

impl Objections {
    pub fn push(&mut self, tokens: impl ToTokens, message: &str) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    pub fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    pub fn none(self) -> syn::Result<()> {
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
