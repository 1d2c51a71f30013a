//! Compiled modules on disk: a folder of sealed entries, which processes share.

use super::compiler::Compiler;
use super::entry::{About, BUILD, Content, Entry, Hash, write};
use super::machine::{InFile, Packed};
use super::parts::{Compiled, Parts};
use super::reserve::Reserve;
use crate::rewrite::Selection;
use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The ending of entries.
const CODE: &str = "code";
/// The ending of files that are being written.
const UNFINISHED: &str = "tmp";
/// So old, a file that is being written was left by a process that has ended.
const ABANDONED: Duration = Duration::from_secs(600);

/// A cache on disk.
///
/// Its entries are machine code, which is run as it is. So the folder must be one that only its owner writes to, and
/// entries carry a message authentication code, made with a secret of the folder. What is not as it should be is not
/// there: the module is compiled.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The folder
    pub directory: PathBuf,
    /// How many bytes all entries may have together
    pub most: u64,
}

/// What there is of a cache to see.
#[derive(Debug)]
pub struct Listed {
    /// What the entry says of itself
    pub about: About,
    /// Its size in bytes
    pub size: u64,
    /// When it was last used
    pub used: SystemTime,
    /// Whether this build would use it
    pub usable: bool,
}

/// What an entry is for.
pub(super) struct Wanted<'a> {
    /// The hash of the bytes
    pub bytes: Hash,
    /// Their size
    pub size: u64,
    pub compiler: Compiler,
    pub selection: &'a Selection,
    pub succeeds: Option<Compiler>,
    pub reserve: Reserve,
    /// Where the bytes were read
    pub file: Option<&'a str>,
}

impl Wanted<'_> {
    /// The name of the entry: all that the machine code depends on.
    fn key(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("wasm-relink compiled module");
        let selection = postcard::to_stdvec(self.selection).unwrap_or_default();
        let succeeds = self.succeeds.map_or("", Compiler::name);
        let identity = self.compiler.identity();
        let reserve = self.reserve.name();
        let words = [BUILD, &identity, succeeds, reserve].map(str::as_bytes);
        for part in words.into_iter().chain([&self.bytes[..], &selection]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    fn about(&self) -> About {
        let slots = match self.selection {
            Selection::None => "none".to_owned(),
            Selection::Default => "default".to_owned(),
            Selection::All => "all".to_owned(),
            Selection::More(functions) => functions.len().to_string(),
        };
        About {
            build: BUILD.to_owned(),
            file: self.file.map(str::to_owned),
            module: self.size,
            compiler: self.compiler.name().to_owned(),
            reserve: self.reserve.name().to_owned(),
            slots,
        }
    }
}

impl Cache {
    /// A compiled module, if there is an entry for it that can be trusted.
    pub(super) fn find(&self, wanted: &Wanted<'_>) -> Option<Compiled> {
        let secret = self.secret(false).ok()?;
        let key = wanted.key();
        let mut file = open_own(&self.path(&key)).ok()?;
        let entry = if is_local(&file) {
            // SAFETY: entries are never changed, and nobody else writes to the folder.
            unsafe { Entry::map(&file) }
        } else {
            Entry::read(&mut file)
        };
        let entry = entry.ok()??;
        // One after the other: with both at once, on two threads, a load was no quicker.
        let parts: Parts = entry.is_sealed(&key, &secret).then(|| postcard::from_bytes(entry.parts()))?.ok()?;
        // What was used last goes last. Where the time cannot be set, the entry only goes sooner.
        let _ = file.set_modified(SystemTime::now());
        let file = entry.image_in_file().map(|offset| InFile { file, offset });
        let machine = Packed { image: entry.image(), file };
        Some(Compiled { parts, details: entry.details(), custom: entry.custom(), machine })
    }

    /// Keeps what was compiled, as well as it goes: a cache that cannot be written to is an empty one.
    pub(super) fn keep(&self, wanted: &Wanted<'_>, compiled: &Compiled) {
        if self.try_keep(wanted, compiled).is_ok() {
            self.shrink();
        }
    }

    fn try_keep(&self, wanted: &Wanted<'_>, compiled: &Compiled) -> io::Result<()> {
        let secret = self.secret(true)?;
        let parts = postcard::to_stdvec(&compiled.parts).map_err(io::Error::other)?;
        let content = Content {
            parts: &parts,
            details: &compiled.details,
            custom: &compiled.custom,
            image: &compiled.machine.image,
        };
        let key = wanted.key();
        self.write_whole(&self.path(&key), |file| write(file, &key, &secret, &wanted.about(), &content))
    }

    fn path(&self, key: &Hash) -> PathBuf {
        self.directory.join(blake3::Hash::from_bytes(*key).to_hex().as_str()).with_extension(CODE)
    }

    /// The entries, those that were used last first.
    ///
    /// # Errors
    /// What the system says of the folder; there is none for a folder that is not there.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut all: Vec<_> = self.entries()?.iter().filter_map(|(path, _, _)| listed(path)).collect();
        all.sort_by_key(|entry| Reverse(entry.used));
        Ok(all)
    }

    /// Removes all that the cache has written, but for the folder itself. Gives how many entries there were.
    ///
    /// # Errors
    /// What the system says; then some of it may be gone.
    pub fn clear(&self) -> io::Result<usize> {
        let entries = self.entries()?;
        entries.iter().try_for_each(|(path, _, _)| remove(path))?;
        self.files(UNFINISHED)?.iter().try_for_each(|(path, _, _)| remove(path))?;
        remove(&self.secret_path())?;
        Ok(entries.len())
    }

    /// Removes the entries that were not used for the longest time, until the others have room.
    fn shrink(&self) {
        let old = |(path, _, used): &(PathBuf, u64, SystemTime)| {
            if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = remove(path);
            }
        };
        self.files(UNFINISHED).unwrap_or_default().iter().for_each(old);
        let mut entries = self.entries().unwrap_or_default();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        entries.sort_by_key(|(_, _, used)| *used);
        for (path, size, _) in entries {
            if total <= self.most {
                break;
            }
            // On Windows, one that is mapped stays.
            let _ = remove(&path);
            total -= size;
        }
    }

    fn entries(&self) -> io::Result<Vec<(PathBuf, u64, SystemTime)>> {
        self.files(CODE)
    }

    /// The files with this ending: path, size, and when it was last changed.
    fn files(&self, ending: &str) -> io::Result<Vec<(PathBuf, u64, SystemTime)>> {
        let folder = match fs::read_dir(&self.directory) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let ours = folder.filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            // One that is not there any more was removed by another process.
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            (path.extension() == Some(OsStr::new(ending))).then_some((path, about.len(), about.modified().ok()?))
        });
        Ok(ours.collect())
    }

    fn secret_path(&self) -> PathBuf {
        self.directory.join("secret")
    }

    /// The secret of the folder; makes both where they are not there yet, if `make` says so.
    fn secret(&self, make: bool) -> io::Result<Hash> {
        if make {
            create_folder(&self.directory)?;
        }
        check_folder(&self.directory)?;
        let path = self.secret_path();
        match read_secret(&path) {
            Err(error) if make && error.kind() == ErrorKind::NotFound => {}
            found => return found,
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        self.write_whole(&path, |file| file.write_all(&secret))?;
        // Another process may have been faster, and slower: what stands there now is the secret.
        read_secret(&path)
    }

    /// Writes a file that is there whole or not at all.
    fn write_whole(&self, path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        // By chance: a process of another container may have the same id.
        let name = getrandom::u64().map_err(io::Error::other)?;
        let unfinished = self.directory.join(format!("{name:016x}")).with_extension(UNFINISHED);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        let written = write(&mut file).and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = remove(&unfinished);
        }
        written
    }
}

/// What there is to see of an entry.
fn listed(path: &Path) -> Option<Listed> {
    let file = open_own(path).ok()?;
    let metadata = file.metadata().ok()?;
    // SAFETY: entries are never changed, and what is read of one is not trusted here.
    let about = unsafe { Entry::map(&file) }.ok()??.about()?;
    let usable = about.build == BUILD;
    Some(Listed { about, size: metadata.len(), used: metadata.modified().ok()?, usable })
}

/// Removes a file, unless it is gone.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_secret(path: &Path) -> io::Result<Hash> {
    let mut secret = [0; 32];
    open_own(path)?.read_exact(&mut secret)?;
    Ok(secret)
}

fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Refuses a folder that is not ours, or that others write to. On Windows, folders of a user are the user's.
fn check_folder(path: &Path) -> io::Result<()> {
    let about = fs::metadata(path)?;
    if !about.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, "the cache is no folder"));
    }
    check_owner(&about)
}

/// Opens a file that is ours, and no link to one that may be another's.
fn open_own(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    check_owner(&about)?;
    Ok(file)
}

/// Whether a file is on a disk of this machine: a file of another one may be removed there while it is mapped here, which ends
/// the process.
#[cfg(target_os = "linux")]
fn is_local(file: &File) -> bool {
    use std::os::fd::AsRawFd;
    /// Of ext4, XFS, Btrfs, F2FS, Bcachefs, ZFS, overlays, and what is in memory alone
    const LOCAL: [u32; 9] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0xca45_1a4e,
        0x2fc1_2fc1,
        0x794c_7630,
        0x0102_1994,
        0x8584_58f6,
    ];
    // SAFETY: all of it is numbers.
    let mut about: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a plain call; the file is open.
    let known = unsafe { libc::fstatfs(file.as_raw_fd(), &mut about) } == 0;
    known && LOCAL.contains(&(about.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_file: &File) -> bool {
    true
}

#[cfg(unix)]
fn check_owner(about: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    let others_write = about.mode() & 0o022 != 0;
    if about.uid() == user && !others_write { Ok(()) } else { Err(ErrorKind::PermissionDenied.into()) }
}

#[cfg(not(unix))]
fn check_owner(_about: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
