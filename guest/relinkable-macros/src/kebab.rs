//! Names in WIT.

use proc_macro2::Span;
use syn::Ident;
use syn::ext::IdentExt;

/// The WIT name of a Rust name: `handle_request` and `HandleRequest` are `handle-request`.
///
/// # Errors
/// If the name has none: letters that are not ASCII, or none at all.
pub fn of(name: &Ident) -> syn::Result<String> {
    let text = name.unraw().to_string();
    from(&text).ok_or_else(|| {
        syn::Error::new(
            name.span(),
            format!("`{text}` has no name in WIT: it needs ASCII letters and digits, and begins with a letter"),
        )
    })
}

/// A WIT name that the author wrote.
///
/// # Errors
/// If it is none.
pub fn checked(text: &str, span: Span) -> syn::Result<String> {
    match from(text) {
        Some(name) if name == text => Ok(name),
        Some(name) => Err(syn::Error::new(span, format!("`{text}` is no name in WIT: write `{name}`"))),
        None => Err(syn::Error::new(span, format!("`{text}` is no name in WIT: write words like `handle-request`"))),
    }
}

/// Words of lower-case letters and digits, each beginning with a letter: a part that begins with a digit joins the word
/// before it, since WIT has no such words.
fn from(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    if !characters.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return None;
    }
    let mut name = String::new();
    let mut separated = false;
    for (index, &c) in characters.iter().enumerate() {
        if matches!(c, '_' | '-') {
            separated = true;
            continue;
        }
        let previous = index.checked_sub(1).map(|index| characters[index]);
        let next = characters.get(index + 1);
        let begins = c.is_ascii_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_ascii_lowercase()
                    || previous.is_ascii_digit()
                    || previous.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase)
            });
        if (separated || begins) && !name.is_empty() && c.is_ascii_alphabetic() {
            name.push('-');
        }
        separated = false;
        name.push(c.to_ascii_lowercase());
    }
    name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_kebab_case() {
        for (rust, wit) in [
            ("handle_request", "handle-request"),
            ("HandleRequest", "handle-request"),
            ("HTTPError", "http-error"),
            ("ParseHTTP", "parse-http"),
            ("V2", "v2"),
            ("utf8_text", "utf8-text"),
            ("x_1", "x1"),
            ("Sha256Sum", "sha256-sum"),
            ("_unused", "unused"),
            ("a", "a"),
            ("already-kebab", "already-kebab"),
        ] {
            assert_eq!(from(rust).as_deref(), Some(wit), "{rust}");
        }
        for none in ["größe", "_", "", "_1", "a.b"] {
            assert_eq!(from(none), None, "{none}");
        }
    }

    #[test]
    fn a_chosen_name_is_kebab_case_already() {
        assert_eq!(checked("net-total", Span::call_site()).unwrap(), "net-total");
        let error = checked("netTotal", Span::call_site()).unwrap_err().to_string();
        assert_eq!(error, "`netTotal` is no name in WIT: write `net-total`");
    }
}
