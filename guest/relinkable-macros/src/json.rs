//! JSON text.

/// `text` as a JSON string, quotes included.
///
/// The result is always one line, since the custom section has one record per line.
pub fn string(text: &str) -> String {
    use std::fmt::Write as _;

    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            // Control characters, as JSON requires, and the two other line ends of JavaScript.
            '\0'..='\x1f' | '\x7f' | '\u{2028}' | '\u{2029}' => {
                write!(json, "\\u{:04x}", u32::from(c)).expect("a String takes what is written");
            }
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}

/// `items` as a JSON array of strings.
pub fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.into_iter().map(string).collect();
    format!("[{}]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_reserves_is_escaped() {
        assert_eq!(string(r#"say "hi" \ bye"#), r#""say \"hi\" \\ bye""#);
        assert_eq!(string("two\r\nlines\tand a tab"), r#""two\r\nlines\tand a tab""#);
        assert_eq!(string("\0\u{1b}\u{7f}\u{2028}"), r#""\u0000\u001b\u007f\u2028""#);
    }

    #[test]
    fn the_rest_stays_as_it_is() {
        assert_eq!(string("Größe, 価格, 🎟"), "\"Größe, 価格, 🎟\"");
        assert_eq!(string(""), "\"\"");
    }

    #[test]
    fn lists() {
        assert_eq!(strings([]), "[]");
        assert_eq!(strings(["u64", "*const u8"]), r#"["u64","*const u8"]"#);
    }
}
