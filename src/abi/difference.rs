//! Differences between two function types, field by field.

use super::function_type::FunctionType;
use super::parse;
use super::value_type::{Case, Field, TypeKind, ValueType};

/// Most differences in a list.
const MOST: usize = 10;

/// The differences between two function types, each as a sentence that begins with the place; none if they have the same
/// structure.
pub fn differences(expected: &FunctionType, actual: &FunctionType) -> Vec<String> {
    let mut list = Vec::new();
    let (wanted, found) = (expected.parameters.len(), actual.parameters.len());
    if wanted != found {
        list.push(format!("expected {wanted} parameters, got {found}"));
    }
    for (expected, actual) in expected.parameters.iter().zip(&actual.parameters) {
        compare(&expected.name, &expected.ty, &actual.ty, &mut list);
    }
    compare_optional("result", expected.result.as_ref(), actual.result.as_ref(), &mut list);
    if list.len() > MOST {
        let more = list.len() - MOST;
        list.truncate(MOST);
        list.push(format!("and {more} more"));
    }
    list
}

/// The differences between two types in WIT text; none if they have the same structure.
pub fn differences_of_texts(expected: &str, actual: &str) -> Vec<String> {
    if expected == actual {
        return Vec::new();
    }
    match (parse::function(expected), parse::function(actual)) {
        (Ok(expected), Ok(actual)) => differences(&expected, &actual),
        (Err(message), _) | (_, Err(message)) => vec![message],
    }
}

fn compare_optional(path: &str, expected: Option<&ValueType>, actual: Option<&ValueType>, list: &mut Vec<String>) {
    match (expected, actual) {
        (None, None) => (),
        (Some(expected), Some(actual)) => compare(path, expected, actual, list),
        (None, Some(actual)) => list.push(format!("{path}: expected no value, got {}", kind_name(actual))),
        (Some(expected), None) => list.push(format!("{path}: expected {}, got no value", kind_name(expected))),
    }
}

fn compare(path: &str, expected: &ValueType, actual: &ValueType, list: &mut Vec<String>) {
    use TypeKind as K;
    match (&expected.kind, &actual.kind) {
        (K::Record { fields: expected }, K::Record { fields: actual }) => {
            let names = |fields: &[Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
            compare_names(path, "field", &names(expected), &names(actual), list);
            for field in expected {
                if let Some(other) = actual.iter().find(|other| other.name == field.name) {
                    compare(&format!("{path}.{}", field.name), &field.ty, &other.ty, list);
                }
            }
        }
        (K::Variant { cases: expected }, K::Variant { cases: actual }) => {
            compare_cases(path, "case", expected, actual, list);
        }
        (K::Enum { cases: expected }, K::Enum { cases: actual }) => compare_cases(path, "case", expected, actual, list),
        (K::Flags { flags: expected }, K::Flags { flags: actual }) => {
            compare_cases(path, "flag", expected, actual, list);
        }
        (K::List { element: expected }, K::List { element: actual }) => {
            compare(&format!("{path}[]"), expected, actual, list);
        }
        (K::FixedList { element: expected, length }, K::FixedList { element: actual, length: other })
            if length == other =>
        {
            compare(&format!("{path}[]"), expected, actual, list);
        }
        (K::Option { element: expected }, K::Option { element: actual }) => compare(path, expected, actual, list),
        (K::Result { ok, err }, K::Result { ok: other_ok, err: other_err }) => {
            compare_optional(&format!("{path}.ok"), ok.as_deref(), other_ok.as_deref(), list);
            compare_optional(&format!("{path}.err"), err.as_deref(), other_err.as_deref(), list);
        }
        (K::Tuple { elements: expected }, K::Tuple { elements: actual }) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), expected, actual, list);
            }
        }
        _ if expected.to_string() == actual.to_string() => (),
        _ => list.push(format!("{path}: expected {}, got {}", kind_name(expected), kind_name(actual))),
    }
}

fn compare_cases(path: &str, noun: &str, expected: &[Case], actual: &[Case], list: &mut Vec<String>) {
    let names = |cases: &[Case]| cases.iter().map(|case| case.name.clone()).collect::<Vec<_>>();
    compare_names(path, noun, &names(expected), &names(actual), list);
    for case in expected {
        if let Some(other) = actual.iter().find(|other| other.name == case.name) {
            compare_optional(&format!("{path}.{}", case.name), case.ty.as_ref(), other.ty.as_ref(), list);
        }
    }
}

fn compare_names(path: &str, noun: &str, expected: &[String], actual: &[String], list: &mut Vec<String>) {
    let (before, quoted) = (list.len(), |name: &String| format!("\"{name}\""));
    for name in expected.iter().filter(|name| !actual.contains(name)) {
        list.push(format!("{path}: the {noun} {} is missing", quoted(name)));
    }
    for name in actual.iter().filter(|name| !expected.contains(name)) {
        list.push(format!("{path}: the {noun} {} is not expected", quoted(name)));
    }
    if list.len() == before && expected != actual {
        let all = |names: &[String]| names.iter().map(quoted).collect::<Vec<_>>().join(", ");
        list.push(format!("{path}: expected the {noun}s in the order {}, got {}", all(expected), all(actual)));
    }
}

/// A type in a few words: its structure if that is short, else its name or kind.
fn kind_name(ty: &ValueType) -> String {
    let structure = ty.to_string();
    if structure.len() <= 40 {
        return structure;
    }
    let kind = structure.split([' ', '<']).next().unwrap_or_default();
    ty.name.as_ref().map_or_else(|| format!("a {kind}"), |name| format!("the {kind} \"{name}\""))
}
