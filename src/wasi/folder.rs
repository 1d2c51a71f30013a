//! An open folder of a guest: a preopen, or a folder below one.

use crate::wasi::file::{GuestFile, OpenFile, Sharing};
#[cfg(unix)]
use crate::wasi::file::{may_block, set_flags};
use crate::wasi::policy::{Opened, Policy};
use crate::wasi::waits::Waits;
use std::any::Any;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::AtomicBool;
use wasi_common::dir::{ReaddirCursor, ReaddirEntity};
use wasi_common::file::{FdFlags, FileAccessMode, Filestat, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::sync::dir::Dir;
#[cfg(not(unix))]
use wasi_common::sync::dir::OpenResult;
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiDir};

/// The state of an open folder.
pub struct OpenFolder {
    inner: Dir,
    policy: Arc<Policy>,
    waits: Arc<Waits>,
    /// The descriptor of `inner`, which owns it
    #[cfg(unix)]
    descriptor: std::os::fd::RawFd,
    #[expect(dead_code, reason = "held for its destructor")]
    opened: Option<Opened>,
}

/// A folder that obeys the policy of its preopen, in the table of wasi-common and in ours. cap-std keeps each path below it.
#[derive(Clone)]
pub struct GuestFolder(Arc<OpenFolder>);

/// How a path is opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenMode {
    /// Whether a link at the end is followed
    pub follow: bool,
    /// Whether it is created, and the like
    pub open: OFlags,
    /// Whether the guest reads and writes
    pub access: FileAccessMode,
    /// Flags of the new descriptor
    pub flags: FdFlags,
}

/// What a path has opened.
pub enum OpenedPath {
    /// A file
    File(GuestFile),
    /// A folder
    Folder(GuestFolder),
}

impl Deref for GuestFolder {
    type Target = OpenFolder;

    fn deref(&self) -> &OpenFolder {
        &self.0
    }
}

impl GuestFolder {
    /// A preopen, or a folder that is `opened` below one.
    pub fn new(folder: cap_std::fs::Dir, policy: Arc<Policy>, waits: Arc<Waits>, opened: Option<Opened>) -> Self {
        Self(Arc::new(OpenFolder {
            policy,
            waits,
            #[cfg(unix)]
            descriptor: std::os::fd::AsRawFd::as_raw_fd(&folder),
            inner: Dir::from_cap_std(folder),
            opened,
        }))
    }

    /// Another folder as one of this kind, whose policy allows changes.
    fn writable(folder: &dyn WasiDir) -> Result<&Self, Error> {
        let folder = folder.as_any().downcast_ref::<Self>().ok_or_else(Error::badf)?;
        folder.policy.check_writable()?;
        Ok(folder)
    }

    /// Opens a path below this folder.
    ///
    /// # Errors
    /// Those of the policy and of the system.
    pub fn open(&self, path: &str, mode: OpenMode) -> Result<OpenedPath, Error> {
        let OpenMode { follow, mut open, access, flags } = mode;
        let creates = open.contains(OFlags::CREATE);
        if self.policy.is_read_only() {
            let writes = access.contains(FileAccessMode::WRITE);
            if writes || open.contains(OFlags::TRUNCATE) || flags.contains(FdFlags::APPEND) {
                return Err(Errno::Rofs.into());
            }
            // A file that exists needs no change.
            if creates {
                if open.contains(OFlags::EXCLUSIVE) {
                    let exists = wiggle::run_in_dummy_executor(self.inner.get_path_filestat(path, false));
                    let exists = exists.map_err(Error::trap)?.is_ok();
                    return Err(if exists { Error::exist() } else { Errno::Rofs.into() });
                }
                open.remove(OFlags::CREATE);
            }
        }
        self.open_any(path, OpenMode { follow, open, access, flags })
    }

    /// Opens a file or folder. A file that blocks, such as a named pipe, is opened without waiting for its other end.
    #[cfg(unix)]
    fn open_beneath(&self, path: &str, options: &mut cap_std::fs::OpenOptions) -> std::io::Result<cap_std::fs::File> {
        use cap_std::fs::OpenOptionsExt;
        use std::mem::ManuallyDrop;
        use std::os::fd::FromRawFd;
        // SAFETY: `inner` owns the descriptor and lives as long as `self`. This alias does not close it.
        let folder = unsafe { std::fs::File::from_raw_fd(self.descriptor) };
        let folder = ManuallyDrop::new(cap_std::fs::Dir::from_std_file(folder));
        folder.open_with(path, options.custom_flags(libc::O_NONBLOCK))
    }

    #[cfg(not(unix))]
    fn open_any(&self, path: &str, mode: OpenMode) -> Result<OpenedPath, Error> {
        let OpenMode { follow, open, access, flags } = mode;
        let [read, write] = [FileAccessMode::READ, FileAccessMode::WRITE].map(|each| access.contains(each));
        let opened = self.policy.open()?;
        let (policy, waits) = (self.policy.clone(), self.waits.clone());
        Ok(match self.inner.open_file_(follow, path, open, read, write, flags)? {
            OpenResult::File(file) => OpenedPath::File(GuestFile::new(OpenFile {
                inner: Box::new(file),
                policy,
                waits,
                access,
                sharing: Sharing::Own,
                opened: Some(opened),
            })),
            OpenResult::Dir(inner) => {
                OpenedPath::Folder(Self(Arc::new(OpenFolder { inner, policy, waits, opened: Some(opened) })))
            }
        })
    }

    #[cfg(unix)]
    fn open_any(&self, path: &str, mode: OpenMode) -> Result<OpenedPath, Error> {
        use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
        use cap_std::fs::MetadataExt;
        use std::os::fd::AsRawFd;
        let OpenMode { follow, open, access, flags } = mode;
        if flags.intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC) {
            return Err(Error::not_supported());
        }
        let is_folder = open.contains(OFlags::DIRECTORY);
        if is_folder && open.intersects(OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE) {
            return Err(Error::invalid_argument());
        }
        let creates = open.contains(OFlags::CREATE);
        let [read, write] = [FileAccessMode::READ, FileAccessMode::WRITE].map(|each| access.contains(each));
        let mut options = cap_std::fs::OpenOptions::new();
        options
            .maybe_dir(true)
            .create(creates)
            .create_new(creates && open.contains(OFlags::EXCLUSIVE))
            .truncate(open.contains(OFlags::TRUNCATE))
            // A file that is open for nothing is open for reading: the access mode of its descriptor refuses reads.
            .read(read || !write)
            .write(write || creates)
            .follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
        let opened = self.policy.open()?;
        let file = self.open_beneath(path, &mut options)?;
        let metadata = file.metadata()?;
        let (policy, waits) = (self.policy.clone(), self.waits.clone());
        if metadata.is_dir() {
            let folder = cap_std::fs::Dir::from_std_file(file.into_std());
            return Ok(OpenedPath::Folder(Self::new(folder, policy, waits, Some(opened))));
        }
        if is_folder {
            return Err(Error::not_dir());
        }
        let descriptor = file.as_raw_fd();
        let is_regular = metadata.is_file();
        // For a regular file, not to wait means nothing. `OpenOptions` refuses appending together with truncation.
        if !is_regular || !flags.is_empty() {
            set_flags(descriptor, flags)?;
        }
        Ok(OpenedPath::File(GuestFile::new(OpenFile {
            inner: Box::new(wasi_common::sync::file::File::from_cap_std(file)),
            descriptor,
            policy,
            waits,
            access,
            sharing: Sharing::Own,
            blocks: may_block(is_regular, metadata.rdev()),
            is_nonblocking: AtomicBool::new(flags.contains(FdFlags::NONBLOCK)),
            #[cfg(target_os = "linux")]
            may_try: AtomicBool::new(true),
            opened: Some(opened),
        })))
    }
}

#[wiggle::async_trait]
impl WasiDir for GuestFolder {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn create_dir(&self, path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.create_dir(path).await
    }

    async fn readdir(
        &self,
        cursor: ReaddirCursor,
    ) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        self.inner.readdir(cursor).await
    }

    async fn symlink(&self, target: &str, path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.symlink(target, path).await
    }

    async fn remove_dir(&self, path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.remove_dir(path).await
    }

    async fn unlink_file(&self, path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.unlink_file(path).await
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        self.inner.read_link(path).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.inner.get_filestat().await
    }

    async fn get_path_filestat(&self, path: &str, follow: bool) -> Result<Filestat, Error> {
        self.inner.get_path_filestat(path, follow).await
    }

    async fn rename(&self, path: &str, folder: &dyn WasiDir, new_path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.rename_(path, &Self::writable(folder)?.inner, new_path)
    }

    /// A link in a writable preopen to a file of a read-only one would make that file writable: both must be writable.
    async fn hard_link(&self, path: &str, folder: &dyn WasiDir, new_path: &str) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.hard_link_(path, &Self::writable(folder)?.inner, new_path)
    }

    async fn set_times(
        &self,
        path: &str,
        accessed: Option<SystemTimeSpec>,
        modified: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Error> {
        self.policy.check_writable()?;
        self.inner.set_times(path, accessed, modified, follow).await
    }
}
