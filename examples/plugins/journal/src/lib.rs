//! A plugin for wasm32-wasip1: it uses the standard library as any Rust program does, and has one function to replace.

use relinkable::relinkable;
use std::time::{SystemTime, UNIX_EPOCH};

/// The number that begins a line, for the time in seconds since 1970.
#[relinkable]
pub fn stamp(seconds: u64) -> u64 {
    seconds
}

/// Logs each line of `/data/names.txt` with a greeting and the time. Returns the number of lines.
#[unsafe(no_mangle)]
pub extern "C" fn greet() -> u32 {
    let greeting = std::env::var("GREETING").unwrap_or_else(|_| "hello".to_owned());
    let names = match std::fs::read_to_string("/data/names.txt") {
        Ok(names) => names,
        Err(error) => {
            eprintln!("/data/names.txt: {error}");
            return 0;
        }
    };
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    names.lines().map(|name| println!("{} {greeting}, {name}", stamp(seconds))).count() as u32
}

/// Tries to write a file beside the names. Returns whether it could.
#[unsafe(no_mangle)]
pub extern "C" fn can_write() -> bool {
    std::fs::write("/data/written.txt", "by the plugin").is_ok()
}
