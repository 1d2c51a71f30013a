//! The disk cache of compiled modules: a folder of sealed entries, which processes share.

use crate::engine::alloc::reserve::Reserve;
use crate::engine::cache::entry::{BUILD, CacheEntry, Content, EntryMetadata, Hash, write};
use crate::engine::cache::folder::{FileKind, Folder, Own, open_own, remove};
use crate::engine::code::loaded::{InFile, PackedImage};
use crate::engine::compile::cache_target::Cache;
use crate::engine::compile::compiler::Compiler;
use crate::engine::compile::pipeline::{Compiled, PassMetadata};
use crate::rewrite::Selection;
use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Age from which an unfinished file counts as left behind by a process that has ended.
const ABANDONED: Duration = Duration::from_secs(600);

/// An entry, as `list` shows it.
#[derive(Debug)]
pub struct Listed {
    /// Metadata of the entry
    pub about: EntryMetadata,
    /// Its size in bytes
    pub size: u64,
    /// Time of the last use
    pub used: SystemTime,
    /// Whether this build would use it on this machine
    pub usable: bool,
}

/// Identifies an entry, and holds what its metadata says about the module.
pub(in crate::engine) struct CacheKey<'a> {
    /// Hash of the module's bytes
    pub bytes: Hash,
    /// Size of the module in bytes
    pub size: u64,
    pub compiler: Compiler,
    pub selection: &'a Selection,
    pub tiers_up_from: Option<Compiler>,
    pub reserve: Reserve,
    /// Path of the file that the bytes were read from
    pub file: Option<&'a str>,
}

impl CacheKey<'_> {
    /// The name of the entry: a hash of everything on which the machine code depends.
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

    /// The metadata of the entry for code that `compiler` made: the requested compiler, or the one in its place.
    fn about(&self, compiler: Compiler) -> EntryMetadata {
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
            compiler: compiler.name().to_owned(),
            reserve: self.reserve.name().to_owned(),
            made_for: compiler.identity(),
            slots,
        }
    }
}

impl Cache {
    /// A compiled module, if the cache has an entry for it whose seal fits.
    pub(in crate::engine) fn find(&self, cache_key: &CacheKey<'_>) -> Option<Compiled> {
        let folder = Folder::open(&self.directory).ok()?;
        let secret = folder.secret().ok()??;
        let key = cache_key.key();
        let (file, entry) = open_entry(&folder.entry(&key))?;
        // Verify, then decode: doing both at once on two threads made a load no faster.
        let metadata: PassMetadata =
            entry.is_sealed(&key, &secret).then(|| postcard::from_bytes(entry.metadata()))?.ok()?;
        if self.writable {
            // `shrink` evicts by this time. If it cannot be set, the entry is only evicted sooner.
            let _ = file.set_modified(SystemTime::now());
        }
        let file = entry.image_in_file().map(|offset| InFile { file, offset });
        let image = PackedImage { image: entry.image(), file };
        Some(Compiled { metadata, details: entry.details(), custom: entry.custom(), image })
    }

    /// Writes an entry for compiled code. Failures are ignored: a cache that cannot be written to acts as an empty one.
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
        let metadata = postcard::to_stdvec(&compiled.metadata).map_err(io::Error::other)?;
        let content = Content {
            metadata: &metadata,
            details: &compiled.details,
            custom: &compiled.custom,
            image: &compiled.image.image,
        };
        let key = cache_key.key();
        folder.write_whole(&folder.entry(&key), |file| {
            write(file, &key, &secret, &cache_key.about(compiled.metadata.compiler), &content)
        })?;
        Ok(folder)
    }

    /// The entries, most recently used first; empty if the folder does not exist.
    ///
    /// # Errors
    /// The errors of the system, and of `Folder::open` for a folder that cannot be trusted.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let Some(folder) = self.folder()? else { return Ok(Vec::new()) };
        let secret = folder.secret()?;
        let mut all: Vec<_> =
            folder.files(FileKind::CacheEntry)?.iter().filter_map(|own| listed(own, secret.as_ref())).collect();
        all.sort_by_key(|entry| Reverse(entry.used));
        Ok(all)
    }

    /// Removes all files of the cache, but not its folder. Returns the number of entries.
    ///
    /// # Errors
    /// The errors of `list`; some files may be gone then.
    pub fn clear(&self) -> io::Result<usize> {
        let Some(folder) = self.folder()? else { return Ok(0) };
        let entries = folder.files(FileKind::CacheEntry)?;
        entries.iter().try_for_each(|own| remove(&own.path))?;
        folder.files(FileKind::Unfinished)?.iter().try_for_each(|own| remove(&own.path))?;
        folder.remove_secret()?;
        Ok(entries.len())
    }

    fn folder(&self) -> io::Result<Option<Folder>> {
        match Folder::open(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Removes the least recently used entries until the others fit, and files that were never finished.
    fn shrink(&self, folder: &Folder) {
        for own in folder.files(FileKind::Unfinished).unwrap_or_default() {
            if own.used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = remove(&own.path);
            }
        }
        let mut entries = folder.files(FileKind::CacheEntry).unwrap_or_default();
        let mut total: u64 = entries.iter().map(|own| own.size).sum();
        entries.sort_by_key(|own| own.used);
        for own in entries {
            if total <= self.most {
                break;
            }
            // On Windows, a mapped entry cannot be removed.
            let _ = remove(&own.path);
            total -= own.size;
        }
    }
}

/// An entry that only this user can write, and its file.
fn open_entry(path: &Path) -> Option<(File, CacheEntry)> {
    let mut file = open_own(path).ok()?;
    let entry = if is_local(&file) {
        // SAFETY: the cache replaces entries by renaming and never writes into them, and `open_own` refuses files that
        // other users can write (on Windows, a user's folders are private).
        unsafe { CacheEntry::map(&file) }
    } else {
        CacheEntry::read(&mut file)
    };
    Some((file, entry.ok()??))
}

/// An entry as `list` shows it; none if it cannot be read.
fn listed(own: &Own, secret: Option<&Hash>) -> Option<Listed> {
    let (_, entry) = open_entry(&own.path)?;
    let about = entry.about()?;
    let key = own.key()?;
    let usable = about.build == BUILD
        && Compiler::from_name(&about.compiler).is_some_and(|compiler| about.made_for == compiler.identity())
        && secret.is_some_and(|secret| entry.is_sealed(&key, secret));
    Some(Listed { about, size: own.size, used: own.used, usable })
}

/// Whether a file is on a disk of this machine. Another machine may remove a remote file while it is mapped here; the
/// next access would end the process.
#[cfg(target_os = "linux")]
fn is_local(file: &File) -> bool {
    use std::os::fd::AsRawFd;
    /// Magic numbers of ext4, XFS, Btrfs, F2FS, Bcachefs, ZFS, overlayfs, tmpfs and ramfs
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
    // SAFETY: all fields are integers, which may be zero.
    let mut about: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, and `about` is a `statfs` of this system.
    let known = unsafe { libc::fstatfs(file.as_raw_fd(), &mut about) } == 0;
    known && LOCAL.contains(&(about.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_file: &File) -> bool {
    true
}
