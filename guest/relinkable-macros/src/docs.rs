//! The text of doc comments.

use syn::{Attribute, Expr, Lit, Meta};

/// The text of a function's doc comments; `None` if it has none.
///
/// Omits `#[doc = include_str!(…)]`, which is not text yet when a macro runs.
pub fn text(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    // `/// text` is `#[doc = " text"]`: the space belongs to the comment, a deeper indentation to the text.
    let indented = lines.iter().flat_map(|text| text.lines()).all(|line| line.is_empty() || line.starts_with(' '));
    let lines: Vec<&str> = lines
        .iter()
        .flat_map(|text| text.split('\n'))
        .map(|line| if indented { line.strip_prefix(' ').unwrap_or(line) } else { line })
        .map(str::trim_end)
        .collect();
    let text = lines.join("\n").trim_matches('\n').to_owned();
    (!text.is_empty()).then_some(text)
}

/// Documentation for a WIT text, which takes no control characters and no marks that change the direction of writing.
pub fn wit(docs: Option<&str>) -> String {
    let marks = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{149}' | '\u{673}' | '\u{f77}' | '\u{f79}' | '\u{17a3}' | '\u{17a4}' | '\u{17b4}' | '\u{17b5}' | '\u{e0001}');
    docs.unwrap_or_default().chars().filter(|&c| (!c.is_control() || matches!(c, '\n' | '\t')) && !marks(c)).collect()
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(value) if meta.path.is_ident("doc") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs(item: &str) -> Option<String> {
        text(&syn::parse_str::<syn::ItemFn>(item).unwrap().attrs)
    }

    #[test]
    fn comments_become_text() {
        assert_eq!(docs("fn f() {}"), None);
        assert_eq!(docs("#[doc(hidden)] #[must_use] fn f() {}"), None);
        assert_eq!(docs("/// One.\nfn f() {}").unwrap(), "One.");
        assert_eq!(docs("/// One.\n///\n///     code\nfn f() {}").unwrap(), "One.\n\n    code");
        assert_eq!(docs("/** One.\n Two. */ fn f() {}").unwrap(), "One.\nTwo.");
        assert_eq!(docs("#[doc = \"One.\"] fn f() {}").unwrap(), "One.");
        assert_eq!(docs("///\nfn f() {}"), None);
    }
}
