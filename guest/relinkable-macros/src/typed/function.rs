//! The check that a function can be typed.

use quote::format_ident;
use syn::{FnArg, Ident, Pat, PatType, ReturnType, Signature, Type};

use crate::function::{Objections, label, qualifiers};
use crate::{kebab, unsupported};

/// A function whose signature a typed slot, export or import can have.
pub struct TypedFunction<'a> {
    /// The name in WIT
    pub name: String,
    pub parameters: Vec<TypedParameter<'a>>,
    /// The result; `None` for the unit
    pub result: Option<&'a Type>,
}

/// A parameter of a typed function.
pub struct TypedParameter<'a> {
    /// The type as the author wrote it
    pub written: &'a Type,
    /// The type, without the reference
    pub ty: &'a Type,
    /// Whether the function takes a reference
    pub by_reference: bool,
    /// A name for generated code: the author's, or one that cannot clash
    pub variable: Ident,
    /// The name for messages, or `_`
    pub label: String,
    /// The name in WIT
    pub name: String,
}

impl<'a> TypedFunction<'a> {
    /// Checks that a function with this signature can be typed. `noun` is what it shall be: `slot`, `typed export`.
    ///
    /// # Errors
    /// All objections at once.
    pub fn of(signature: &'a Signature, noun: &str) -> syn::Result<Self> {
        let mut objections = Objections::default();
        qualifiers(signature, noun, &mut objections);
        let name = objections.take(kebab::of(&signature.ident)).unwrap_or_default();
        let mut parameters: Vec<TypedParameter<'a>> = Vec::new();
        for (index, input) in signature.inputs.iter().enumerate() {
            let Some(parameter) = objections.take(TypedParameter::of(index, input, noun)) else { continue };
            match parameters.iter().find(|other| other.name == parameter.name) {
                None => parameters.push(parameter),
                Some(other) => objections.push(
                    &parameter.variable,
                    &format!(
                        "`{}` and `{}` are both `{}` in WIT: rename one",
                        other.label, parameter.label, other.name
                    ),
                ),
            }
        }
        let result = objections.take(result(&signature.output, noun)).flatten();
        objections.none()?;
        Ok(Self { name, parameters, result })
    }
}

impl TypedParameter<'_> {
    fn of<'a>(index: usize, input: &'a FnArg, noun: &str) -> syn::Result<TypedParameter<'a>> {
        match input {
            FnArg::Receiver(receiver) => Err(syn::Error::new_spanned(
                receiver,
                format!("a method cannot be a {noun}: write a free function that takes the value"),
            )),
            FnArg::Typed(PatType { attrs, .. }) if !attrs.is_empty() => Err(syn::Error::new_spanned(
                &attrs[0],
                format!("a parameter of a {noun} cannot have attributes: put them on the function"),
            )),
            FnArg::Typed(PatType { pat, ty: written, .. }) => {
                let ident = match &**pat {
                    Pat::Ident(pattern) => Some(&pattern.ident),
                    _ => None,
                };
                let (ty, by_reference) = unsupported::parameter(written, noun)?;
                let name = match ident {
                    // Like `_`, a name that begins with `_` may be no name in WIT.
                    Some(ident) => kebab::of(ident).or_else(|error| match ident.to_string().starts_with('_') {
                        true => Ok(format!("p{index}")),
                        false => Err(error),
                    })?,
                    None => format!("p{index}"),
                };
                let variable = ident.cloned().unwrap_or_else(|| format_ident!("__relinkable_{index}"));
                Ok(TypedParameter { written, ty, by_reference, variable, label: label(ident), name })
            }
        }
    }
}

fn result<'a>(output: &'a ReturnType, noun: &str) -> syn::Result<Option<&'a Type>> {
    match output {
        ReturnType::Default => Ok(None),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(None),
            ty => unsupported::result(ty, noun).map(|()| Some(ty)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(signature: &str) -> Vec<String> {
        let signature: Signature = syn::parse_str(signature).unwrap();
        let function = TypedFunction::of(&signature, "slot").unwrap();
        function.parameters.iter().map(|parameter| parameter.name.clone()).collect()
    }

    #[test]
    fn parameters_have_names_in_wit() {
        assert_eq!(names("fn f(mut net_total: u8, _: &str, _1: i64, _b: bool)"), ["net-total", "p1", "p2", "b"]);
    }

    #[test]
    fn a_reference_is_the_type_that_it_refers_to() {
        let signature: Signature = syn::parse_str("fn f(a: &[u8], b: Vec<u8>) -> String").unwrap();
        let function = TypedFunction::of(&signature, "slot").unwrap();
        assert!(function.parameters[0].by_reference && matches!(function.parameters[0].ty, Type::Slice(_)));
        assert!(!function.parameters[1].by_reference);
        assert!(function.result.is_some());
    }

    #[test]
    fn names_that_are_equal_in_wit_are_refused() {
        let signature: Signature = syn::parse_str("fn f(x1: &str, x_1: u8)").unwrap();
        let error = TypedFunction::of(&signature, "slot").err().unwrap().to_string();
        assert_eq!(error, "`x1` and `x_1` are both `x1` in WIT: rename one");
    }
}
