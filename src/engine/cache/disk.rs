//! Compiled modules on disk: a folder of sealed entries, which processes share.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::cache::entry::{BUILD, CacheEntry, Content, EntryMetadata, Hash, write};
use crate::engine::cache::folder::{Folder, Kind, Own, open_own, remove};
use crate::engine::code::loaded::{InFile, PackedImage};
use crate::engine::code::parts::{Compiled, ModuleMetadata};
use crate::engine::compile::compiler::Compiler;
use crate::rewrite::Selection;
use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// So old, a file that is being written was left by a process that has ended.
const ABANDONED: Duration = Duration::from_secs(600);

/// A cache on disk.
///
/// Its entries are machine code, which is run as it is. So the folder must be one that only its owner writes to, and
/// entries carry a message authentication code, made with a secret of the folder. What is not as it should be is not
/// there: the module is compiled.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The directory that its user named; its files are in a folder of their own inside of it
    pub directory: PathBuf,
    /// How many bytes all entries may have together
    pub most: u64,
    /// Whether it may be written to
    pub writable: bool,
}

/// What there is of a cache to see.
#[derive(Debug)]
pub struct Listed {
    /// What the entry says of itself
    pub about: EntryMetadata,
    /// Its size in bytes
    pub size: u64,
    /// When it was last used
    pub used: SystemTime,
    /// Whether this build would use it, on this machine
    pub usable: bool,
}

/// What an entry is for.
pub(in crate::engine) struct CacheKey<'a> {
    /// The hash of the bytes
    pub bytes: Hash,
    /// Their size
    pub size: u64,
    pub compiler: Compiler,
    pub selection: &'a Selection,
    pub tiers_up_from: Option<Compiler>,
    pub reserve: Reserve,
    /// Where the bytes were read
    pub file: Option<&'a str>,
}

impl CacheKey<'_> {
    /// The name of the entry: all that the machine code depends on.
    fn key(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("wasm-relink compiled module");
        let selection = postcard::to_stdvec(self.selection).unwrap_or_default();
        let tiers_up_from = self.tiers_up_from.map_or("", Compiler::name);
        let identity = self.compiler.identity();
        let reserve = self.reserve.name();
        let words = [BUILD, &identity, tiers_up_from, reserve].map(str::as_bytes);
        for part in words.into_iter().chain([&self.bytes[..], &selection]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    fn about(&self) -> EntryMetadata {
        let slots = match self.selection {
            Selection::None => "none".to_owned(),
            Selection::Default => "default".to_owned(),
            Selection::All => "all".to_owned(),
            Selection::More(functions) => functions.len().to_string(),
        };
        EntryMetadata {
            build: BUILD.to_owned(),
            file: self.file.map(str::to_owned),
            module: self.size,
            compiler: self.compiler.name().to_owned(),
            reserve: self.reserve.name().to_owned(),
            made_for: self.compiler.identity(),
            slots,
        }
    }
}

impl Cache {
    /// A compiled module, if there is an entry for it that can be trusted.
    pub(in crate::engine) fn find(&self, cache_key: &CacheKey<'_>) -> Option<Compiled> {
        let folder = Folder::open(&self.directory).ok()?;
        let secret = folder.secret().ok()??;
        let key = cache_key.key();
        let (file, entry) = open_entry(&folder.entry(&key))?;
        // One after the other: with both at once, on two threads, a load was no quicker.
        let parts: ModuleMetadata =
            entry.is_sealed(&key, &secret).then(|| postcard::from_bytes(entry.parts()))?.ok()?;
        if self.writable {
            // What was used last goes last. Where the time cannot be set, the entry only goes sooner.
            let _ = file.set_modified(SystemTime::now());
        }
        let file = entry.image_in_file().map(|offset| InFile { file, offset });
        let machine = PackedImage { image: entry.image(), file };
        Some(Compiled { parts, details: entry.details(), custom: entry.custom(), machine })
    }

    /// Keeps what was compiled, as well as it goes: a cache that cannot be written to is an empty one.
    pub(in crate::engine) fn keep(&self, cache_key: &CacheKey<'_>, compiled: &Compiled) {
        if let Ok(folder) = self.try_keep(cache_key, compiled) {
            self.shrink(&folder);
        }
    }

    fn try_keep(&self, cache_key: &CacheKey<'_>, compiled: &Compiled) -> io::Result<Folder> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let folder = Folder::make(&self.directory)?;
        let secret = folder.secret_or_new()?;
        let parts = postcard::to_stdvec(&compiled.parts).map_err(io::Error::other)?;
        let content = Content {
            parts: &parts,
            details: &compiled.details,
            custom: &compiled.custom,
            image: &compiled.machine.image,
        };
        let key = cache_key.key();
        folder.write_whole(&folder.entry(&key), |file| write(file, &key, &secret, &cache_key.about(), &content))?;
        Ok(folder)
    }

    /// The entries, those that were used last first.
    ///
    /// # Errors
    /// What the system says of the folder, and that it is not to be trusted; there is none for a folder that is not
    /// there.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let Some(folder) = self.folder()? else { return Ok(Vec::new()) };
        let secret = folder.secret()?;
        let mut all: Vec<_> =
            folder.files(Kind::CacheEntry)?.iter().filter_map(|own| listed(own, secret.as_ref())).collect();
        all.sort_by_key(|entry| Reverse(entry.used));
        Ok(all)
    }

    /// Removes all that the cache has written, but for the folder itself. Gives how many entries there were.
    ///
    /// # Errors
    /// Those of `list`; then some of it may be gone.
    pub fn clear(&self) -> io::Result<usize> {
        let Some(folder) = self.folder()? else { return Ok(0) };
        let entries = folder.files(Kind::CacheEntry)?;
        entries.iter().try_for_each(|own| remove(&own.path))?;
        folder.files(Kind::Unfinished)?.iter().try_for_each(|own| remove(&own.path))?;
        folder.remove_secret()?;
        Ok(entries.len())
    }

    fn folder(&self) -> io::Result<Option<Folder>> {
        match Folder::open(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Removes the entries that were not used for the longest time, until the others have room.
    fn shrink(&self, folder: &Folder) {
        for own in folder.files(Kind::Unfinished).unwrap_or_default() {
            if own.used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = remove(&own.path);
            }
        }
        let mut entries = folder.files(Kind::CacheEntry).unwrap_or_default();
        let mut total: u64 = entries.iter().map(|own| own.size).sum();
        entries.sort_by_key(|own| own.used);
        for own in entries {
            if total <= self.most {
                break;
            }
            // On Windows, one that is mapped stays.
            let _ = remove(&own.path);
            total -= own.size;
        }
    }
}

/// An entry that is ours, and its file.
fn open_entry(path: &Path) -> Option<(File, CacheEntry)> {
    let mut file = open_own(path).ok()?;
    let entry = if is_local(&file) {
        // SAFETY: entries are never changed, and nobody else writes to the folder.
        unsafe { CacheEntry::map(&file) }
    } else {
        CacheEntry::read(&mut file)
    };
    Some((file, entry.ok()??))
}

/// What there is to see of an entry.
fn listed(own: &Own, secret: Option<&Hash>) -> Option<Listed> {
    let (_, entry) = open_entry(&own.path)?;
    let about = entry.about()?;
    let key = own.key()?;
    let usable = about.build == BUILD
        && Compiler::from_name(&about.compiler).is_some_and(|compiler| about.made_for == compiler.identity())
        && secret.is_some_and(|secret| entry.is_sealed(&key, secret));
    Some(Listed { about, size: own.size, used: own.used, usable })
}

/// Whether a file is on a disk of this machine: a file of another one may be removed there while it is mapped here,
/// which ends the process.
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
