use serde::Serialize;
use serde::de::DeserializeOwned;
use shared_buffer::OwnedBuffer;
use std::sync::OnceLock;

/// What is read when it is first asked for, from where it is kept.
pub(in crate::engine) struct LazyDecoded<T> {
    bytes: OwnedBuffer,
    read: OnceLock<T>,
}

impl<T: Serialize + DeserializeOwned> LazyDecoded<T> {
    /// How it is kept.
    ///
    /// # Panics
    /// If it has a form that cannot be written.
    pub fn bytes_of(value: &T) -> OwnedBuffer {
        OwnedBuffer::from_bytes(postcard::to_stdvec(value).expect("it has a plain form"))
    }

    /// `bytes` are what `bytes_of` gave.
    pub fn new(bytes: OwnedBuffer) -> Self {
        Self { bytes, read: OnceLock::new() }
    }

    /// The value.
    ///
    /// # Panics
    /// If the bytes are not such a value's.
    pub fn get(&self) -> &T {
        self.read.get_or_init(|| postcard::from_bytes(&self.bytes).expect("it was written by this build"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_once() {
        let unread = LazyDecoded::<Vec<String>>::new(LazyDecoded::bytes_of(&vec!["a".to_owned(), String::new()]));
        assert_eq!(unread.get(), &["a", ""]);
        assert!(std::ptr::eq(unread.get(), unread.get()));
    }
}
