//! The folder of the disk cache: which files belong to the cache, which can be trusted, and the secret.

use crate::engine::cache::entry::Hash;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Name of the cache's folder, in the directory that the user named, which may hold the user's files.
const NAME: &str = "wasm-relink-modules";
/// Prefix of the names of all files of the cache. Files with other names are never listed, counted or removed.
const PREFIX: &str = "relink-";
const SECRET: &str = "relink-secret";
/// Locked by the process that makes the secret
const LOCK: &str = "relink-lock";

/// Kind of a file of the cache, besides the secret and the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum FileKind {
    /// An entry, named by its key
    CacheEntry,
    /// An entry that is being written, with a random name
    Unfinished,
}

impl FileKind {
    /// Number of hexadecimal digits in the name, and the extension.
    const fn form(self) -> (usize, &'static str) {
        match self {
            Self::CacheEntry => (64, "code"),
            Self::Unfinished => (16, "tmp"),
        }
    }

    fn name(self, digits: &str) -> String {
        format!("{PREFIX}{digits}.{}", self.form().1)
    }

    /// The digits in a name of this kind; none for other names.
    fn digits(self, name: &OsStr) -> Option<&str> {
        let (length, extension) = self.form();
        let digits = name.to_str()?.strip_prefix(PREFIX)?.strip_suffix(extension)?.strip_suffix('.')?;
        let hexadecimal = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits.len() == length && hexadecimal).then_some(digits)
    }
}

/// A file of the cache.
pub(in crate::engine) struct Own {
    pub path: PathBuf,
    pub size: u64,
    /// Time of the last change, which `Cache::find` sets at each use
    pub used: SystemTime,
}

impl Own {
    /// The key of an entry, from its name.
    pub fn key(&self) -> Option<Hash> {
        let digits = FileKind::CacheEntry.digits(self.path.file_name()?)?;
        blake3::Hash::from_hex(digits).ok().map(|key| *key.as_bytes())
    }
}

/// The folder of the cache. Only its owner can write to it.
pub(in crate::engine) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The cache's folder in `directory`.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory` and `PermissionDenied` if the folder cannot be trusted; other errors of the system.
    pub fn open(directory: &Path) -> io::Result<Self> {
        check_folder(directory, &fs::metadata(directory)?)?;
        let path = directory.join(NAME);
        // Not `metadata`: a symbolic link may point to files that are not the cache's.
        check_folder(&path, &fs::symlink_metadata(&path)?)?;
        Ok(Self { path })
    }

    /// `open`, but creates the folder and `directory` if they do not exist.
    ///
    /// # Errors
    /// The errors of `open`.
    pub fn make(directory: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        // Check before creating anything in a directory that cannot be trusted.
        check_folder(directory, &fs::metadata(directory)?)?;
        builder.create(directory.join(NAME))?;
        Self::open(directory)
    }

    /// Path of the entry for a key.
    pub fn entry(&self, key: &Hash) -> PathBuf {
        self.path.join(FileKind::CacheEntry.name(blake3::Hash::from_bytes(*key).to_hex().as_str()))
    }

    /// The files of a kind.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn files(&self, kind: FileKind) -> io::Result<Vec<Own>> {
        let own = fs::read_dir(&self.path)?.filter_map(|file| {
            let file = file.ok()?;
            kind.digits(&file.file_name())?;
            // If this fails, another process has removed the file. For a symbolic link, this describes the link itself.
            let about = file.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Own { path: file.path(), size: about.len(), used: about.modified().ok()? })
        });
        Ok(own.collect())
    }

    /// Removes the secret and the lock file.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn remove_secret(&self) -> io::Result<()> {
        [SECRET, LOCK].into_iter().try_for_each(|name| remove(&self.path.join(name)))
    }

    /// The secret; none if it does not exist, or the file is not as this cache writes it.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn secret(&self) -> io::Result<Option<Hash>> {
        let mut secret = [0; 32];
        let read = open_own(&self.path.join(SECRET)).and_then(|mut file| {
            file.read_exact(&mut secret)?;
            file.metadata()
        });
        match read {
            Ok(about) => Ok((about.len() == secret.len() as u64).then_some(secret)),
            // Not for every error: a process without free file descriptors, say, must not replace everyone's secret.
            Err(error) if is_unusable(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The secret; creates one if there is none that can be used.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn secret_or_new(&self) -> io::Result<Hash> {
        if let Some(secret) = self.secret()? {
            return Ok(secret);
        }
        // The lock lets one process create the secret for all: replacing a secret invalidates the entries sealed with
        // it. On file systems without locks, such a loss is the worst case.
        let lock = new_file().create(true).truncate(false).open(self.path.join(LOCK));
        let _locked = lock.and_then(|file| file.lock().map(|()| file));
        if let Some(secret) = self.secret()? {
            return Ok(secret);
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        self.write_whole(&self.path.join(SECRET), |file| {
            file.write_all(&secret)?;
            // Without a sync, a renamed file may be empty after a power failure.
            file.sync_all()
        })?;
        self.secret()?.ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// Writes a file atomically: under a temporary name, then renamed.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn write_whole(&self, path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        // A random name: processes of two containers may have the same id.
        let name = getrandom::u64().map_err(io::Error::other)?;
        let unfinished = self.path.join(FileKind::Unfinished.name(&format!("{name:016x}")));
        let mut file = new_file().create_new(true).open(&unfinished)?;
        let written = write(&mut file).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = remove(&unfinished);
        }
        written
    }
}

/// Removes a file; no error if it does not exist.
pub(in crate::engine) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Options to open a file for writing: readable and writable by its owner alone, and not through a symbolic link.
fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options
}

/// Opens a file for reading that only this user can write, and not through a symbolic link.
///
/// # Errors
/// `InvalidInput` if it is not a regular file, `PermissionDenied` if others can write it; other errors of the system.
pub(in crate::engine) fn open_own(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    check_owner(path, &about)?;
    Ok(file)
}

/// Whether an error means that the file at a path is not one that the cache wrote.
fn is_unusable(error: &io::Error) -> bool {
    use ErrorKind::{InvalidInput, NotFound, PermissionDenied, UnexpectedEof};
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ELOOP) {
        return true;
    }
    matches!(error.kind(), NotFound | InvalidInput | PermissionDenied | UnexpectedEof)
}

/// Refuses a folder that another user owns or can write to. Not on Windows, where a user's folders are private.
fn check_folder(path: &Path, about: &fs::Metadata) -> io::Result<()> {
    if !about.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, format!("{} is not a folder", path.display())));
    }
    check_owner(path, about)
}

#[cfg(unix)]
fn check_owner(path: &Path, about: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // SAFETY: `geteuid` has no preconditions.
    let user = unsafe { libc::geteuid() };
    let complaint = if about.uid() != user {
        "belongs to another user"
    } else if about.mode() & 0o022 != 0 {
        "is writable for other users: run chmod go-w on it"
    } else {
        return Ok(());
    };
    Err(io::Error::new(ErrorKind::PermissionDenied, format!("{} {complaint}", path.display())))
}

#[cfg(not(unix))]
fn check_owner(_path: &Path, _about: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_cache_makes_are_its_own() {
        let digits = |kind: FileKind, name: &str| kind.digits(OsStr::new(name)).map(str::to_owned);
        for kind in [FileKind::CacheEntry, FileKind::Unfinished] {
            let (length, extension) = kind.form();
            let hexadecimal = "0123456789abcdef".repeat(4)[..length].to_owned();
            assert_eq!(digits(kind, &kind.name(&hexadecimal)), Some(hexadecimal.clone()));
            for other in [
                format!("{hexadecimal}.{extension}"),
                format!("{PREFIX}{}.{extension}", &hexadecimal[1..]),
                format!("{PREFIX}0{hexadecimal}.{extension}"),
                format!("{PREFIX}{}.{extension}", hexadecimal.to_uppercase()),
                format!("{PREFIX}{hexadecimal}{extension}"),
                format!("{PREFIX}{hexadecimal}.{extension}.bak"),
                format!("{PREFIX}notes.{extension}"),
                SECRET.to_owned(),
                LOCK.to_owned(),
            ] {
                assert_eq!(digits(kind, &other), None, "{other}");
            }
        }
    }
}
