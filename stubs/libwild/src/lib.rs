//! What wasmer-compiler 7.4 names of the linker `libwild`, without a linker.
//!
//! wasmer can write compiled modules as ELF images, an experimental format that has to be asked for, and that this addon
//! does not ask for. The linker that it takes comes with a hundred crates: two and a half megabytes of the addon, and
//! minutes of its build. This crate has the same types, and links nothing: it says so.
#![forbid(unsafe_code)]

use std::fs::File;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Errors of the linker.
pub mod error {
    /// What went wrong, in words.
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

/// An error of the linker, from what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($words:tt)*) => { $crate::error::Error(format!($($words)*)) };
}

use error::Result;

/// How an output is to be made.
#[derive(Debug)]
pub struct OutputOptions {
    /// Its size in bytes
    pub size: u64,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// A file
    File,
}

/// A file that is read.
pub trait InputFileData: Send + Sync + std::fmt::Debug {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
}

/// A file that is written.
pub trait OutputFileData: Send {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
    /// Its bytes, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Ends the writing.
    ///
    /// # Errors
    /// What the file system says.
    fn finish(self) -> Result;
}

/// Where a linker finds its files.
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

/// What a linker is asked for.
#[derive(Debug)]
pub struct Args(());

impl Args {
    /// Takes any arguments.
    ///
    /// # Errors
    /// None.
    pub fn new<T>(_arguments: impl Fn() -> T) -> Result<Self> {
        Ok(Self(()))
    }

    /// Takes any arguments.
    ///
    /// # Errors
    /// None.
    pub fn parse<T>(&mut self, _arguments: impl Fn() -> T) -> Result {
        Ok(())
    }
}

/// No linker.
#[derive(Debug)]
pub struct Linker<F>(PhantomData<F>);

impl<F: FileSystem> Linker<F> {
    /// One for the files of `_files`.
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
