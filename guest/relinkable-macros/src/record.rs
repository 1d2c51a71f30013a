//! The record of a slot in the custom section `relink`.

use crate::function::Function;
use crate::json;

/// The version of the record's format. A host refuses versions that it does not know.
const VERSION: u32 = 1;

/// The record of a slot for the custom section `relink`: a line of JSON with its line end.
///
/// Each slot is one line, since the linker concatenates the sections of all object files.
pub fn line(name: &str, function: &Function<'_>, docs: Option<&str>, suspend: bool) -> String {
    let parameters = json::strings(function.parameters.iter().map(|parameter| parameter.scalar.spelling.as_str()));
    let results = json::strings(function.result.iter().map(|(_, scalar)| scalar.spelling.as_str()));
    let name = json::string(name);
    let signature = json::string(&signature(function));
    let docs = docs.map(|docs| format!(r#","docs":{}"#, json::string(docs))).unwrap_or_default();
    let suspend = if suspend { ",\"suspend\":true" } else { "" };
    format!(
        "{{\"name\":{name},\"signature\":{signature},\
         \"types\":{{\"parameters\":{parameters},\"results\":{results}}}{docs}{suspend},\"version\":{VERSION}}}\n"
    )
}

/// The signature for display: `(cents: u64) -> u64`.
fn signature(function: &Function<'_>) -> String {
    let parameters: Vec<_> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.label(), parameter.scalar.spelling))
        .collect();
    let result = function.result.as_ref().map(|(_, scalar)| format!(" -> {}", scalar.spelling)).unwrap_or_default();
    format!("({}){result}", parameters.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(item: &str, docs: Option<&str>) -> String {
        let item = syn::parse_str(item).unwrap();
        line("pricing::f", &Function::of(&item).unwrap(), docs, false)
    }

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(
            record("fn f(cents: u64) -> u64 { cents }", Some("Says \"so\".\nTwice.")),
            concat!(
                r#"{"name":"pricing::f","signature":"(cents: u64) -> u64","#,
                r#""types":{"parameters":["u64"],"results":["u64"]},"#,
                r#""docs":"Says \"so\".\nTwice.","version":1}"#,
                "\n"
            )
        );
    }

    #[test]
    fn no_parameters_no_result_no_docs() {
        assert_eq!(
            record("fn f() {}", None),
            concat!(
                r#"{"name":"pricing::f","signature":"()","types":{"parameters":[],"results":[]},"version":1}"#,
                "\n"
            )
        );
    }

    #[test]
    fn patterns_are_names_or_nothing() {
        let record = record("fn f(mut a: i8, _: * const  u8) -> *mut u8 { todo!() }", None);
        assert!(record.contains(r#""signature":"(a: i8, _: *const u8) -> *mut u8""#), "{record}");
    }
}
