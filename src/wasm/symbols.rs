//! Demangled symbols.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Limit for the length of a path, in multiples of the symbol's length. A short v0 symbol can refer back to its own parts
/// so often that its path would be exponentially long.
const GROWTH: usize = 16;

/// A symbol for display: the Rust path without its hash, for both manglings; any other symbol itself.
pub fn path(symbol: &str) -> Cow<'_, str> {
    if let Ok(demangled) = rustc_demangle::try_demangle(symbol) {
        let mut path = Bounded { text: String::new(), room: symbol.len() * GROWTH };
        // The alternate form omits the hash.
        return match write!(path, "{demangled:#}") {
            Ok(()) => Cow::Owned(path.text),
            Err(fmt::Error) => Cow::Borrowed(symbol),
        };
    }
    // A tool may have demangled the symbol without removing the hash of the legacy mangling.
    let symbol = without_promotion(symbol);
    match symbol.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Cow::Borrowed(path)
        }
        _ => Cow::Borrowed(symbol),
    }
}

/// A symbol without the suffix `.llvm.1234`, which LLVM appends to private functions that other codegen units call. In
/// mangled symbols, the demangler removes it.
fn without_promotion(symbol: &str) -> &str {
    match symbol.rsplit_once(".llvm.") {
        Some((own, number))
            if !own.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            own
        }
        _ => symbol,
    }
}

struct Bounded {
    text: String,
    room: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.room = self.room.checked_sub(part.len()).ok_or(fmt::Error)?;
        self.text.push_str(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_manglings_lose_their_hashes() {
        for (symbol, says) in [
            ("_ZN5guest7pricing8discount17h0123456789abcdefE", "guest::pricing::discount"),
            ("_RNvNtCs1234_5guest7pricing8discount", "guest::pricing::discount"),
            ("_RINvCs1234_5guest3maxmEB2_", "guest::max::<u32>"),
            ("guest::pricing::discount::h0123456789abcdef", "guest::pricing::discount"),
            ("guest::h", "guest::h"),
            ("_ZN5guest7pricing8discount17h0123456789abcdefE.llvm.1234", "guest::pricing::discount"),
            ("_RNvNtCs1234_5guest7pricing8discount.llvm.1234", "guest::pricing::discount"),
            ("guest::pricing::discount::h0123456789abcdef.llvm.1234", "guest::pricing::discount"),
            ("guest::v.llvm.1234", "guest::v"),
            ("guest::v.llvm.", "guest::v.llvm."),
            ("guest::v.1234", "guest::v.1234"),
            (".llvm.1234", ".llvm.1234"),
            ("memcpy", "memcpy"),
            ("", ""),
        ] {
            assert_eq!(path(symbol), says);
        }
    }

    #[test]
    fn a_symbol_with_too_long_a_path_stays_a_symbol() {
        // A tuple of two references back to a tuple of two references, and so on.
        let mut symbol = String::from("_RINvC1a1b");
        let mut last = symbol.len() - 2;
        symbol.push_str("TmmE");
        for _ in 0..40 {
            let back = base62(last);
            last = symbol.len() - 2;
            symbol.push_str(&format!("TB{back}B{back}E"));
        }
        symbol.push('E');
        assert!(rustc_demangle::try_demangle(&symbol).is_ok(), "the symbol is well formed");
        assert_eq!(path(&symbol), symbol);
    }

    fn base62(value: usize) -> String {
        let digits = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut text = Vec::from(*b"_");
        let mut rest = value;
        // Numbers of the v0 mangling: `_` is 0, `0_` is 1.
        while rest > 0 {
            rest -= 1;
            text.insert(0, digits[rest % 62]);
            rest /= 62;
        }
        String::from_utf8(text).unwrap()
    }
}
