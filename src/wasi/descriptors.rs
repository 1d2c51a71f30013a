//! The descriptors of a guest: their numbers, and what this room calls without wasi-common. The table of wasi-common has the
//! same numbers.

use crate::wasi::errno;
use crate::wasi::file::GuestFile;
use crate::wasi::folder::GuestFolder;
use wasi_common::WasiCtx;

/// An open descriptor.
pub enum Descriptor {
    /// One that only wasi-common has: a standard stream in memory, or a file where the system cannot use guest memory
    Foreign,
    /// An open file, or a stream of the host
    File(GuestFile),
    /// An open folder; whether it is a preopen
    Folder(GuestFolder, bool),
}

/// A descriptor, and whether the guest has opened it: what it was given from the start stays open for a next instance.
struct Entry {
    descriptor: Descriptor,
    is_opened: bool,
}

/// The open descriptors of a guest. A new one gets the lowest number that is free.
#[derive(Default)]
pub struct Descriptors {
    entries: Vec<Option<Entry>>,
    /// No number below this one is free
    lowest: usize,
}

impl Descriptors {
    /// The descriptor with this number.
    #[inline]
    pub fn get(&self, fd: u32) -> Option<&Descriptor> {
        Some(&self.entries.get(fd as usize)?.as_ref()?.descriptor)
    }

    /// The file with this number.
    #[inline]
    pub fn file(&self, fd: u32) -> Option<&GuestFile> {
        match self.get(fd)? {
            Descriptor::File(file) => Some(file),
            _ => None,
        }
    }

    /// The folder with this number.
    ///
    /// # Errors
    /// `NOTDIR` for another descriptor, `BADF` for none.
    pub fn folder(&self, fd: u32) -> Result<&GuestFolder, i32> {
        match self.get(fd) {
            Some(Descriptor::Folder(folder, _)) => Ok(folder),
            Some(_) => Err(errno::NOTDIR),
            None => Err(errno::BADF),
        }
    }

    /// Adds a descriptor that the guest is given from the start.
    pub fn give(&mut self, descriptor: Descriptor) {
        self.add(descriptor, false);
    }

    /// Adds a file that the guest has opened. Returns its number.
    pub fn open_file(&mut self, context: &WasiCtx, file: GuestFile) -> u32 {
        let access = file.access;
        let descriptor = if cfg!(unix) { Descriptor::File(file.clone()) } else { Descriptor::Foreign };
        let fd = self.add(descriptor, true);
        context.insert_file(fd, Box::new(file), access);
        fd
    }

    /// Adds a folder that the guest has opened. Returns its number.
    pub fn open_folder(&mut self, context: &WasiCtx, folder: GuestFolder) -> u32 {
        let fd = self.add(Descriptor::Folder(folder.clone(), false), true);
        // wasi-common takes it for a preopen without a name: `System` answers for these itself.
        context.insert_dir(fd, Box::new(folder), std::path::PathBuf::new());
        fd
    }

    fn add(&mut self, descriptor: Descriptor, is_opened: bool) -> u32 {
        let free = self.entries[self.lowest..].iter().position(Option::is_none);
        let at = free.map_or(self.entries.len(), |free| self.lowest + free);
        let entry = Some(Entry { descriptor, is_opened });
        match self.entries.get_mut(at) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.lowest = at + 1;
        at as u32
    }

    /// Removes a descriptor that wasi-common has closed.
    pub fn close(&mut self, fd: u32) {
        if let Some(entry) = self.entries.get_mut(fd as usize) {
            *entry = None;
            self.lowest = self.lowest.min(fd as usize);
        }
    }

    /// Moves a descriptor, as wasi-common has done.
    pub fn renumber(&mut self, from: u32, to: u32) {
        if from != to {
            let moved = self.entries.get_mut(from as usize).and_then(Option::take);
            self.entries[to as usize] = moved;
            self.lowest = self.lowest.min(from as usize);
        }
    }

    /// The numbers of what the guest has opened.
    pub fn opened(&self) -> Vec<u32> {
        let opened = (0..).zip(&self.entries).filter(|(_, entry)| entry.as_ref().is_some_and(|entry| entry.is_opened));
        opened.map(|(fd, _)| fd).collect()
    }
}
