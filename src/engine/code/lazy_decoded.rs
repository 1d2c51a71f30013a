//! `LazyDecoded`: a serialized value that is decoded at its first use.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shared_buffer::OwnedBuffer;
use std::sync::OnceLock;

/// A serialized value, decoded at its first use.
pub(in crate::engine) struct LazyDecoded<T> {
    bytes: OwnedBuffer,
    read: OnceLock<T>,
}

impl<T: Serialize + DeserializeOwned> LazyDecoded<T> {
    /// The serialized form of a value.
    ///
    /// # Panics
    /// If the value cannot be serialized.
    pub fn bytes_of(value: &T) -> OwnedBuffer {
        OwnedBuffer::from_bytes(postcard::to_stdvec(value).expect("it has a plain form"))
    }

    /// `bytes` must come from `bytes_of`.
    pub fn new(bytes: OwnedBuffer) -> Self {
        Self { bytes, read: OnceLock::new() }
    }

    /// The value, decoded by the first call.
    ///
    /// # Panics
    /// If the bytes do not come from `bytes_of`.
    pub fn get(&self) -> &T {
        self.read.get_or_init(|| postcard::from_bytes(&self.bytes).expect("it was written by this build"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_once() {
        let lazy = LazyDecoded::<Vec<String>>::new(LazyDecoded::bytes_of(&vec!["a".to_owned(), String::new()]));
        assert_eq!(lazy.get(), &["a", ""]);
        assert!(std::ptr::eq(lazy.get(), lazy.get()));
    }
}
