//! An entry of the disk cache, as a file: header with seal and key, entry metadata, module metadata, details, custom
//! sections and image.

use crate::engine::code::image::PAGE;
use aegis::aegis128x2::Aegis128X2Mac;
use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;

/// Magic bytes and the version of the format.
const MAGIC: [u8; 16] = *b"wasm-relink\0\0\0\0\x04";
/// Alignment of the image in the file, in bytes, so that it can be mapped.
const ALIGNMENT: usize = PAGE;

/// The build of the addon: a hash of its sources, `Cargo.toml` and `Cargo.lock`.
pub(in crate::engine) const BUILD: &str = env!("WASM_RELINK_BUILD");

/// A hash, a key of an entry, a secret or a seal.
pub(in crate::engine) type Hash = [u8; 32];

/// Metadata of an entry, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryMetadata {
    /// The build that wrote it
    pub build: String,
    /// Path of the file that the module was read from, if any
    pub file: Option<String>,
    /// The size of the module in bytes
    pub module: u64,
    /// Name of the compiler
    pub compiler: String,
    /// Name of the address space that its memories reserve
    pub reserve: String,
    /// Version and options of the compiler, and the processor
    pub made_for: String,
    /// Selection of slots: "default", "all", "none", or the number of other functions
    pub slots: String,
}

/// Ranges of the metadata of a file; the header is before them.
struct Layout {
    about: Range<usize>,
    metadata: Range<usize>,
    details: Range<usize>,
    custom: Range<usize>,
    image: Range<usize>,
}

/// Parts of an entry besides its own metadata.
pub(in crate::engine) struct Content<'a> {
    /// Metadata of the module, serialized
    pub metadata: &'a [u8],
    /// Names and roles of its functions, as `LazyDecoded<Details>` decodes them
    pub details: &'a [u8],
    /// Contents of its custom sections, concatenated
    pub custom: &'a [u8],
    /// Image with its machine code
    pub image: &'a [u8],
}

/// An entry in memory.
pub(in crate::engine) struct CacheEntry {
    bytes: OwnedBuffer,
    layout: Layout,
}

/// Length of the header in bytes: magic, seal, key, and five lengths
const HEADER: usize = 16 + 32 + 32 + 5 * 8;
const SEAL: Range<usize> = 16..48;
const KEY: Range<usize> = 48..80;

impl Layout {
    /// The layout for metadata of these lengths in bytes; none if it overflows.
    fn new([about, metadata, details, custom, image]: [usize; 5]) -> Option<Self> {
        let about = HEADER..HEADER.checked_add(about)?;
        let metadata = about.end..about.end.checked_add(metadata)?;
        let details = metadata.end..metadata.end.checked_add(details)?;
        let custom = details.end..details.end.checked_add(custom)?;
        let begin = custom.end.checked_next_multiple_of(ALIGNMENT)?;
        Some(Self { about, metadata, details, custom, image: begin..begin.checked_add(image)? })
    }

    /// The layout of a file; none if the magic or the length does not fit.
    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..MAGIC.len())? != MAGIC {
            return None;
        }
        let lengths = bytes.get(KEY.end..HEADER)?.chunks_exact(8);
        let lengths = lengths.map(|length| usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok());
        let lengths: Option<Vec<usize>> = lengths.collect();
        let layout = Self::new(lengths?.try_into().ok()?)?;
        (layout.image.end == bytes.len()).then_some(layout)
    }
}

impl CacheEntry {
    /// Maps a file into memory; none if it is not an entry.
    ///
    /// # Errors
    /// The errors of the system.
    ///
    /// # Safety
    /// The file does not change: entries are written under another name and then renamed.
    pub unsafe fn map(file: &File) -> io::Result<Option<Self>> {
        Ok(Self::of(OwnedBuffer::from_file(file).map_err(io::Error::other)?))
    }

    /// Reads a file into memory; none if it is not an entry.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn read(file: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self::of(OwnedBuffer::from_bytes(bytes)))
    }

    fn of(bytes: OwnedBuffer) -> Option<Self> {
        Layout::of(&bytes).map(|layout| Self { bytes, layout })
    }

    /// Metadata of the entry.
    pub fn about(&self) -> Option<EntryMetadata> {
        serde_json::from_slice(&self.bytes[self.layout.about.clone()]).ok()
    }

    /// Whether the entry is for `key`, was written by a holder of `secret`, and has not changed since.
    pub fn is_sealed(&self, key: &Hash, secret: &Hash) -> bool {
        let sealed = self.bytes[SEAL].try_into().expect("a seal has 32 bytes");
        self.bytes[KEY] == *key && seal(secret, [&self.bytes[SEAL.end..]]).verify(sealed).is_ok()
    }

    /// Metadata of the module, serialized
    pub fn metadata(&self) -> &[u8] {
        &self.bytes[self.layout.metadata.clone()]
    }

    /// Names and roles of its functions, as `LazyDecoded<Details>` decodes them
    pub fn details(&self) -> OwnedBuffer {
        self.bytes.slice(self.layout.details.clone())
    }

    /// Contents of the custom sections, concatenated.
    pub fn custom(&self) -> OwnedBuffer {
        self.bytes.slice(self.layout.custom.clone())
    }

    /// The image, not copied.
    pub fn image(&self) -> OwnedBuffer {
        self.bytes.slice(self.layout.image.clone())
    }

    /// Offset of the image in the file, in bytes; none if the entry is not mapped.
    pub fn image_in_file(&self) -> Option<u64> {
        self.bytes.is_mmapped().then_some(self.layout.image.start as u64)
    }
}

/// Writes an entry.
///
/// # Errors
/// The errors of the system.
pub(in crate::engine) fn write(
    file: &mut File,
    key: &Hash,
    secret: &Hash,
    about: &EntryMetadata,
    Content { metadata, details, custom, image }: &Content<'_>,
) -> io::Result<()> {
    let about = serde_json::to_vec(about)?;
    let lengths = [about.len(), metadata.len(), details.len(), custom.len(), image.len()];
    let layout = Layout::new(lengths).expect("what is in memory fits into a file");
    let lengths = lengths.map(|length| (length as u64).to_le_bytes());
    let padding = [0; ALIGNMENT];
    let padding = &padding[..layout.image.start - layout.custom.end];
    let after_seal = [&key[..], lengths.as_flattened(), &about, metadata, details, custom, padding, image];
    file.write_all(&MAGIC)?;
    file.write_all(&seal(secret, after_seal).finalize())?;
    after_seal.into_iter().try_for_each(|part| file.write_all(part))
}

/// The message authentication code of bytes. On one core, AEGIS takes a quarter of the time of BLAKE3, and verifying is
/// most of a load.
fn seal<'a>(secret: &Hash, bytes: impl IntoIterator<Item = &'a [u8]>) -> Aegis128X2Mac<32> {
    let key = blake3::derive_key("wasm-relink seal of a compiled module", secret);
    let mut seal = Aegis128X2Mac::new(key.first_chunk().expect("a key has 32 bytes"));
    bytes.into_iter().for_each(|bytes| seal.update(bytes));
    seal
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env::temp_dir;
    use std::fs::{self, OpenOptions};
    use std::process;

    const KEY_OF_TEST: Hash = [3; 32];
    const SECRET: Hash = [7; 32];

    /// The file of an entry with such content.
    fn written(name: &str, content: &Content<'_>) -> Vec<u8> {
        let path = temp_dir().join(format!("wasm-relink-entry-{}-{name}", process::id()));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
        let about = EntryMetadata {
            build: BUILD.into(),
            file: None,
            module: 1,
            compiler: "x".into(),
            reserve: "small".into(),
            made_for: "y".into(),
            slots: "all".into(),
        };
        write(&mut file, &KEY_OF_TEST, &SECRET, &about, content).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Option<CacheEntry> {
        CacheEntry::of(OwnedBuffer::from_bytes(bytes.to_vec()))
    }

    #[test]
    fn what_goes_in_comes_out_aligned() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let (metadata, details) = (vec![1; length], vec![4; length / 3]);
            let (custom, image) = (vec![2; length / 2], vec![3; length * 2]);
            let content = Content { metadata: &metadata, details: &details, custom: &custom, image: &image };
            let bytes = written("whole", &content);
            let entry = read(&bytes).unwrap();
            assert!(entry.is_sealed(&KEY_OF_TEST, &SECRET));
            assert!(!entry.is_sealed(&[4; 32], &SECRET) && !entry.is_sealed(&KEY_OF_TEST, &[8; 32]));
            assert_eq!((entry.metadata(), &*entry.details()), (&*metadata, &*details));
            assert_eq!((&*entry.custom(), &*entry.image()), (&*custom, &*image));
            assert!(entry.layout.image.start.is_multiple_of(ALIGNMENT));
            assert_eq!(entry.about().unwrap().slots, "all");
            assert_eq!(entry.image_in_file(), None, "it is in memory");
        }
    }

    #[test]
    fn every_cut_and_every_other_bit_is_seen() {
        let bytes = written(
            "broken",
            &Content { metadata: b"metadata", details: b"names", custom: b"sections", image: b"machine code" },
        );
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_none(), "cut at {length}");
        }
        for index in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[index / 8] ^= 1 << (index % 8);
            assert!(!read(&other).is_some_and(|entry| entry.is_sealed(&KEY_OF_TEST, &SECRET)), "bit {index}");
        }
    }
}
