//! A stub of the linker `libwild`: the items that wasmer-compiler 7.4 uses, without a linker.
//!
//! wasmer can write compiled modules as ELF images, an experimental format that this addon does not use. The linker for it
//! brings a hundred crates: two and a half megabytes of the addon, and minutes of its build. This crate has the same types.
//! Linking with it fails with an error.
#![forbid(unsafe_code)]

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Errors of the linker.
pub mod error {
    /// A message.
    #[derive(Debug)]
    pub struct Error(pub String);

    /// The result of a step.
    pub type Result<T = (), E = Error> = std::result::Result<T, E>;

    impl From<String> for Error {
        fn from(message: String) -> Self {
            Self(message)
        }
    }
}

/// An error of the linker, from the arguments of `format!`.
#[macro_export]
macro_rules! error {
    ($($words:tt)*) => { $crate::error::Error(format!($($words)*)) };
}

use error::Result;

/// Options of an output.
#[derive(Debug)]
pub struct OutputOptions {
    /// Its size in bytes
    pub size: u64,
}

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// A file
    File,
}

/// An input file.
pub trait InputFileData: Send + Sync + std::fmt::Debug {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
}

/// An output file.
pub trait OutputFileData: Send {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
    /// Its bytes, mutable.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Finishes the file.
    ///
    /// # Errors
    /// The error of the file system.
    fn finish(self) -> Result;
}

/// The file system of a linker.
#[allow(missing_docs, clippy::missing_errors_doc)] // nobody calls it
pub trait FileSystem: Send + Sync + 'static {
    type Input: InputFileData;
    type Output: OutputFileData;
    fn open_input(&self, path: &Path, populate: bool) -> Result<(Self::Input, Option<Arc<File>>)>;
    fn file_type(&self, path: &Path) -> Result<FileType>;
    fn canonicalize(&self, path: &Path) -> Result<PathBuf>;
    fn remove_file(&self, path: &Path) -> Result<()>;
    fn rename_file(&self, path: &Path, new_path: &Path) -> Result<()>;
    fn create_output(&self, path: Arc<Path>, options: OutputOptions) -> Result<Self::Output>;
    fn write_auxiliary(&self, path: &Path, bytes: &[u8]) -> Result;
}

/// The arguments of a linker.
#[derive(Debug)]
pub struct Args(());

impl Args {
    /// Accepts any arguments.
    ///
    /// # Errors
    /// None.
    pub fn new<T>(_arguments: impl Fn() -> T) -> Result<Self> {
        Ok(Self(()))
    }

    /// Accepts any arguments.
    ///
    /// # Errors
    /// None.
    pub fn parse<T>(&mut self, _arguments: impl Fn() -> T) -> Result {
        Ok(())
    }
}

/// A linker that cannot link.
#[derive(Debug)]
pub struct Linker<F>(PhantomData<F>);

impl<F: FileSystem> Linker<F> {
    /// A linker over this file system.
    pub fn with_file_system(_files: F) -> Self {
        Self(PhantomData)
    }

    /// Links nothing.
    ///
    /// # Errors
    /// Always: there is no linker.
    pub fn run(&self, _arguments: &Args) -> Result {
        Err(error!("this build of wasmer has no linker, and writes no ELF images"))
    }
}
