//! The Rust panic that a guest's memory holds after a trap.
//!
//! A panic leaves its location and its format arguments in the frames of the panicking functions, in the guest's stack. Their
//! layouts are rustc's, and not stable: everything that is read here is checked, and a value that is not understood is left
//! out.

use crate::error::Panic;
use std::ops::Range;

/// Most bytes of a file name, and of a message.
const MOST_FILE: usize = 1024;
const MOST_MESSAGE: usize = 64 << 10;
/// The text that replaces a value in a message if its format is not known.
const UNKNOWN: char = '…';

/// A guest after a panic.
pub struct PanickedGuest<'a> {
    /// Its memory
    pub memory: &'a [u8],
    /// The name of the function in an entry of its function table
    pub function: &'a dyn Fn(u32) -> Option<String>,
}

impl PanickedGuest<'_> {
    /// Offset of the line in the record of a panic; a record without a panic has line 0.
    pub const LINE: u32 = 16;

    /// The panic in the record of `relinkable::report_panics`: addresses and lengths of message and file, line and column.
    pub fn recorded(&self, record: u32) -> Option<Panic> {
        let at = |index: u32| self.word(record.checked_add(4 * index)?);
        let (line, column) = (at(4)?, at(5)?);
        let file = self.text(at(2)?, at(3)? as usize, MOST_FILE)?.to_owned();
        let message = self.text(at(0)?, at(1)? as usize, MOST_MESSAGE).map(str::to_owned);
        (line > 0).then_some(Panic { message: message.filter(|_| at(0) != Some(0)), file, line, column })
    }

    /// The panic whose frames are the innermost in this range of the memory, and the words there that point to its location;
    /// none if there is no location. The caller clears these words: a later frame may not write to all its memory, and the
    /// next panic would be taken for this one.
    pub fn on_stack(&self, range: Range<u32>) -> Option<(Panic, Vec<u32>)> {
        let words = || range.clone().step_by(4).map_while(|at| Some((at, self.word(at)?)));
        let (pointer, (file, line, column)) =
            words().find_map(|(_, pointer)| Some((pointer, self.location(pointer)?)))?;
        let found: Vec<u32> = words().filter(|(_, word)| *word == pointer).map(|(at, _)| at).collect();
        // `PanicInfo` has the message and the location, side by side.
        let neighbors = found.iter().flat_map(|at| [at.checked_sub(4), at.checked_add(4)]).flatten();
        let mut infos = neighbors.filter_map(|at| self.word(at).filter(|arguments| range.contains(arguments)));
        let message = infos.find_map(|arguments| self.message(arguments));
        Some((Panic { message, file, line, column }, found))
    }

    /// A `Location`: the file's name, the line and the column.
    fn location(&self, at: u32) -> Option<(String, u32, u32)> {
        if !at.is_multiple_of(4) {
            return None;
        }
        let [name, length, line, column] = [0, 4, 8, 12].map(|offset| at.checked_add(offset));
        let file = self.text(self.word(name?)?, self.word(length?)? as usize, MOST_FILE)?;
        // Since Rust 1.91, the name ends with a NUL that counts.
        let file = file.strip_suffix('\0').unwrap_or(file);
        let (line, column) = (self.word(line?)?, self.word(column?)?);
        let is_one = file.ends_with(".rs") && !file.contains('\0') && (1..1 << 24).contains(&line);
        (is_one && (1..1 << 20).contains(&column)).then(|| (file.to_owned(), line, column))
    }

    /// The message of `fmt::Arguments`.
    fn message(&self, at: u32) -> Option<String> {
        let (first, second) = (self.word(at)?, self.word(at.checked_add(4)?)?);
        // Since Rust 1.93: a text with twice its length and 1, or a template and its arguments.
        if second & 1 == 1 && second > 1 {
            return self.text(first, second as usize >> 1, MOST_MESSAGE).map(str::to_owned);
        }
        if second >= 4096 {
            return self.template(first, second);
        }
        // Before: texts, and arguments between them.
        let (arguments, count) = (self.word(at.checked_add(8)?)?, self.word(at.checked_add(12)?)?);
        if second == 0 || second > 64 || count > second || count + 1 < second {
            return None;
        }
        let mut message = String::new();
        for index in 0..second {
            let text = first.checked_add(8 * index)?;
            let (text, length) = (self.word(text)?, self.word(text.checked_add(4)?)? as usize);
            message.push_str(if length == 0 { "" } else { self.text(text, length, MOST_MESSAGE)? });
            if index < count {
                self.argument(arguments, index, &mut message);
            }
        }
        Some(message)
    }

    /// The message of a template: literals with their lengths, and placeholders.
    fn template(&self, template: u32, arguments: u32) -> Option<String> {
        let (mut message, mut at, mut index) = (String::new(), template, 0);
        while message.len() < MOST_MESSAGE {
            let kind = self.bytes(at, 1)?[0];
            at = at.checked_add(1)?;
            let length = match kind {
                0 => return Some(message),
                1..0x80 => u32::from(kind),
                0x80 => {
                    let length = self.bytes(at, 2)?;
                    at += 2;
                    u32::from(u16::from_le_bytes([length[0], length[1]]))
                }
                0xc0..=0xcf => {
                    // Flags, width, precision and index may follow. A value with any of them has another form.
                    let sizes = [4, 2, 2, 2];
                    let follow = (0..4).filter(|bit| kind & (1 << bit) != 0);
                    at = at.checked_add(follow.map(|bit| sizes[bit as usize]).sum())?;
                    if kind == 0xc0 {
                        self.argument(arguments, index, &mut message);
                    } else {
                        message.push(UNKNOWN);
                    }
                    index += 1;
                    continue;
                }
                _ => return None,
            };
            message.push_str(self.text(at, length as usize, MOST_MESSAGE)?);
            at = at.checked_add(length)?;
        }
        None
    }

    /// Appends an argument: the address of a value, and the function that formats it.
    fn argument(&self, arguments: u32, index: u32, message: &mut String) {
        match self.formatted(arguments, index) {
            Some(value) => message.push_str(&value),
            None => message.push(UNKNOWN),
        }
    }

    fn formatted(&self, arguments: u32, index: u32) -> Option<String> {
        let at = arguments.checked_add(8 * index)?;
        let (value, function) = (self.word(at)?, self.word(at.checked_add(4)?)?);
        let name = (self.function)(function)?;
        let formats = |ty: &str, of: &str| {
            name == format!("<{ty} as core::fmt::{of}>::fmt")
                || name.ends_with(&format!("core::fmt::{of} for {ty}>::fmt"))
        };
        let is = |ty| formats(ty, "Display") || formats(ty, "Debug");
        let text =
            |pointer: u32| self.text(self.word(pointer)?, self.word(pointer.checked_add(4)?)? as usize, MOST_MESSAGE);
        if is("u32") || is("usize") {
            return Some(self.word(value)?.to_string());
        }
        if is("i32") || is("isize") {
            return Some(self.word(value)?.cast_signed().to_string());
        }
        if formats("&str", "Display") || formats("&T", "Display") {
            return text(value).map(str::to_owned);
        }
        if formats("alloc::string::String", "Display") {
            return text(value.checked_add(4)?).map(str::to_owned);
        }
        None
    }

    fn bytes(&self, at: u32, length: usize) -> Option<&[u8]> {
        self.memory.get(at as usize..)?.get(..length)
    }

    fn word(&self, at: u32) -> Option<u32> {
        self.bytes(at, 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
    }

    fn text(&self, at: u32, length: usize, most: usize) -> Option<&str> {
        if at == 0 || length == 0 || length > most {
            return None;
        }
        std::str::from_utf8(self.bytes(at, length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory of words and texts at addresses.
    fn memory(words: &[(u32, u32)], texts: &[(u32, &[u8])]) -> Vec<u8> {
        let mut memory = vec![0; 0x4000];
        words.iter().for_each(|(at, word)| memory[*at as usize..][..4].copy_from_slice(&word.to_le_bytes()));
        texts.iter().for_each(|(at, text)| memory[*at as usize..][..text.len()].copy_from_slice(text));
        memory
    }

    const LOCATION: [(u32, u32); 4] = [(0x3000, 0x3100), (0x3004, 10), (0x3008, 7), (0x300c, 5)];
    const FILE: (u32, &[u8]) = (0x3100, b"src/lib.rs\0");

    fn on_stack(words: &[(u32, u32)], texts: &[(u32, &[u8])]) -> Option<(Option<String>, u32, Vec<u32>)> {
        let memory = memory(&[&LOCATION, words].concat(), &[&[FILE], texts].concat());
        let function = |entry: u32| {
            let names = ["<u32 as core::fmt::Display>::fmt", "<&str as core::fmt::Display>::fmt", "other"];
            names.get(entry as usize).map(|name| (*name).to_owned())
        };
        let guest = PanickedGuest { memory: &memory, function: &function };
        guest.on_stack(0x1000..0x1100).map(|(panic, found)| {
            assert_eq!((panic.file.as_str(), panic.column), ("src/lib.rs", 5));
            (panic.message, panic.line, found)
        })
    }

    #[test]
    fn a_location_is_found_with_or_without_a_message() {
        assert_eq!(on_stack(&[], &[]), None);
        assert_eq!(on_stack(&[(0x1008, 0x3000), (0x1010, 0x3000)], &[]), Some((None, 7, vec![0x1008, 0x1010])));
        let literal = [(0x1008, 0x3000), (0x1004, 0x1020), (0x1020, 0x3200), (0x1024, 4 << 1 | 1)];
        let text: (u32, &[u8]) = (0x3200, b"oh no");
        assert_eq!(on_stack(&literal, &[text]), Some((Some("oh n".into()), 7, vec![0x1008])));
    }

    #[test]
    fn values_are_formatted_and_unknown_ones_left_out() {
        let words = [
            (0x1008, 0x3000),
            (0x1004, 0x1020),
            (0x1020, 0x3200),
            (0x1024, 0x1040),
            (0x1040, 0x1060),
            (0x1044, 0),
            (0x1048, 0x1064),
            (0x104c, 1),
            (0x1050, 0x1060),
            (0x1054, 2),
            (0x1060, 42),
            (0x1064, 0x3300),
            (0x1068, 3),
        ];
        let template: (u32, &[u8]) = (0x3200, b"\x02a \xc0\x02, \xc0\x80\x02\x00; \xc0\xc3\x01\0\0\0\x02\0\0");
        let found = on_stack(&words, &[template, (0x3300, b"txt")]);
        assert_eq!(found.unwrap().0.as_deref(), Some("a 42, txt; ……"));
    }

    #[test]
    fn messages_of_rust_before_1_93() {
        let words = [
            (0x1008, 0x3000),
            (0x100c, 0x1020),
            (0x1020, 0x1030),
            (0x1024, 2),
            (0x1028, 0x1050),
            (0x102c, 1),
            (0x1030, 0x3200),
            (0x1034, 3),
            (0x1038, 0x3203),
            (0x103c, 2),
            (0x1050, 0x1060),
            (0x1054, 0),
            (0x1060, 9),
        ];
        assert_eq!(on_stack(&words, &[(0x3200, b"is here")]).unwrap().0.as_deref(), Some("is 9he"));
    }

    #[test]
    fn any_memory_is_read_without_a_fault() {
        for word in [0, 4, 0x2fff, 0x3ff8, 0x3fff, 0x4000, u32::MAX, u32::MAX - 3] {
            let words: Vec<_> = (0x1000..0x1100).step_by(4).map(|at| (at, word)).collect();
            assert!(on_stack(&words, &[]).is_none_or(|(message, ..)| message.is_none()));
            let mut near = vec![(0x1008, 0x3000), (0x1004, 0x1020)];
            near.extend((0x1020..0x1060).step_by(4).map(|at| (at, word)));
            on_stack(&near, &[]);
        }
    }

    #[test]
    fn a_record_is_a_panic_if_it_has_a_line() {
        let record = |line| [(0x100, 0x3200), (0x104, 2), (0x108, 0x3100), (0x10c, 10), (0x110, line), (0x114, 5)];
        let read = |line| {
            let memory = memory(&record(line), &[FILE, (0x3200, b"oh")]);
            PanickedGuest { memory: &memory, function: &|_| None }.recorded(0x100)
        };
        let panic = read(7).unwrap();
        assert_eq!((panic.message.as_deref(), panic.file.as_str(), panic.line), (Some("oh"), "src/lib.rs", 7));
        assert_eq!(read(0), None);
        assert_eq!(PanickedGuest { memory: &[0; 8], function: &|_| None }.recorded(u32::MAX), None);
    }
}
