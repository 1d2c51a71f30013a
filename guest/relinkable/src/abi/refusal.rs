//! The panics for values that another module sent and that are invalid in Rust.

/// What is read: `` slot `shop::price`: the parameter `order` ``. It begins the panic's message.
pub type What = &'static str;

/// Text that is not UTF-8.
#[cold]
#[inline(never)]
pub fn text(what: What, bytes: &[u8]) -> ! {
    let at = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
    panic!("{what} has text that is not UTF-8: byte {:#04x} at position {at}", bytes[at])
}

/// A discriminant that no case has.
#[cold]
#[inline(never)]
pub fn discriminant(what: What, ty: &str, value: u32, cases: u32) -> ! {
    panic!("{what} has the discriminant {value}, and `{ty}` has {cases} cases")
}

/// A number that is no character.
#[cold]
#[inline(never)]
pub fn character(what: What, value: u32) -> ! {
    panic!("{what} has {value:#x}, which is not a char")
}

/// A list that cannot be in memory.
#[cold]
#[inline(never)]
pub fn list(what: What, address: u32, length: usize, size: usize, align: usize) -> ! {
    panic!(
        "{what} has a list of {length} elements of {size} bytes at {address:#x}, which is not aligned to {align} or does not fit"
    )
}
