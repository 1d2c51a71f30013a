//! The record of a typed function in the custom section `relink`.

use crate::json;
use crate::scalar::spell;
use crate::typed::TypedFunction;

/// The version of the record's format, which has a WIT text.
const VERSION: u32 = 2;

/// What a record says besides the function's types.
#[derive(Default)]
pub struct About<'a> {
    /// `slot`, `export` or `import`
    pub kind: &'a str,
    /// The import's module
    pub module: Option<&'a str>,
    /// The name of the slot, export or import
    pub name: &'a str,
    /// The documentation comment
    pub docs: Option<&'a str>,
    /// Whether an implementation in JavaScript may return a promise
    pub suspend: bool,
}

/// The record's text before and after the WIT, which only the compiler can make.
pub fn around(about: &About<'_>, function: &TypedFunction<'_>) -> (String, String) {
    let parameters: Vec<_> = function.parameters.iter().map(|parameter| spell(parameter.written)).collect();
    let results: Vec<_> = function.result.iter().map(|ty| spell(ty)).collect();
    let signature: Vec<_> = function
        .parameters
        .iter()
        .zip(&parameters)
        .map(|(parameter, ty)| format!("{}: {ty}", parameter.label))
        .collect();
    let signature = format!(
        "({}){}",
        signature.join(", "),
        results.first().map(|result| format!(" -> {result}")).unwrap_or_default()
    );
    let optional = |key: &str, text: Option<&str>| {
        text.map(|text| format!(r#","{key}":{}"#, json::string(text))).unwrap_or_default()
    };
    let before = format!(
        r#"{{"kind":"{}"{},"name":{},"signature":{},"types":{{"parameters":{},"results":{}}},"wit":""#,
        about.kind,
        optional("module", about.module),
        json::string(about.name),
        json::string(&signature),
        json::strings(parameters.iter().map(String::as_str)),
        json::strings(results.iter().map(String::as_str)),
    );
    let suspend = if about.suspend { r#","suspend":true"# } else { "" };
    let after = format!("\"{}{suspend},\"version\":{VERSION}}}\n", optional("docs", about.docs));
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_surrounds_the_wit() {
        let signature: syn::Signature =
            syn::parse_str("fn discount(order: & Order) -> Result < u64, Problem >").unwrap();
        let function = TypedFunction::of(&signature, "slot").unwrap();
        let about = About {
            kind: "slot",
            name: "shop::discount",
            docs: Some("Says \"so\"."),
            suspend: true,
            ..About::default()
        };
        let (before, after) = around(&about, &function);
        assert_eq!(
            before,
            concat!(
                r#"{"kind":"slot","name":"shop::discount","signature":"(order: &Order) -> Result<u64, Problem>","#,
                r#""types":{"parameters":["&Order"],"results":["Result<u64, Problem>"]},"wit":""#
            )
        );
        assert_eq!(after, concat!(r#"","docs":"Says \"so\".","suspend":true,"version":2}"#, "\n"));
    }
}
