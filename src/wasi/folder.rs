//! An open folder of a guest: a preopen, or a folder below one.

use crate::wasi::file::{GuestFile, Sharing};
use crate::wasi::policy::{Opened, Policy};
use crate::wasi::waits::Waits;
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use wasi_common::dir::{OpenResult, ReaddirCursor, ReaddirEntity};
use wasi_common::file::{FdFlags, Filestat, OFlags};
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::sync::dir::Dir;
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiDir};

/// A folder that obeys the policy of its preopen. cap-std keeps each path below it.
pub struct GuestFolder {
    inner: Dir,
    policy: Arc<Policy>,
    waits: Arc<Waits>,
    /// The descriptor of `inner`, which owns it
    #[cfg(unix)]
    descriptor: std::os::fd::RawFd,
    #[expect(dead_code, reason = "held for its destructor")]
    opened: Option<Opened>,
}

impl GuestFolder {
    /// A preopen, or a folder that is `opened` below one.
    pub fn new(folder: cap_std::fs::Dir, policy: Arc<Policy>, waits: Arc<Waits>, opened: Option<Opened>) -> Self {
        Self {
            policy,
            waits,
            #[cfg(unix)]
            descriptor: std::os::fd::AsRawFd::as_raw_fd(&folder),
            inner: Dir::from_cap_std(folder),
            opened,
        }
    }

    /// Another folder as one of this kind, whose policy allows changes.
    fn writable(folder: &dyn WasiDir) -> Result<&Self, Error> {
        let folder = folder.as_any().downcast_ref::<Self>().ok_or_else(Error::badf)?;
        folder.policy.check_writable()?;
        Ok(folder)
    }

    /// Opens a file or folder. A file that blocks, such as a named pipe, is opened without waiting for its other end.
    #[cfg(unix)]
    fn open(&self, path: &str, options: &mut cap_std::fs::OpenOptions) -> std::io::Result<cap_std::fs::File> {
        use cap_std::fs::OpenOptionsExt;
        use std::mem::ManuallyDrop;
        use std::os::fd::FromRawFd;
        // SAFETY: `inner` owns the descriptor and lives as long as `self`. This alias does not close it.
        let folder = unsafe { std::fs::File::from_raw_fd(self.descriptor) };
        let folder = ManuallyDrop::new(cap_std::fs::Dir::from_std_file(folder));
        folder.open_with(path, options.custom_flags(libc::O_NONBLOCK))
    }

    /// Sets the flags of an open file. `OpenOptions` refuses appending together with truncation.
    #[cfg(unix)]
    fn set_flags(file: &cap_std::fs::File, flags: FdFlags) -> std::io::Result<()> {
        use std::os::fd::AsRawFd;
        let mut raw = 0;
        for (flag, system) in [(FdFlags::APPEND, libc::O_APPEND), (FdFlags::NONBLOCK, libc::O_NONBLOCK)] {
            if flags.contains(flag) {
                raw |= system;
            }
        }
        // SAFETY: the descriptor is open, and these flags change nothing in memory.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, raw) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    }

    #[cfg(not(unix))]
    async fn open_any(
        &self,
        follow: bool,
        path: &str,
        open: OFlags,
        read: bool,
        write: bool,
        flags: FdFlags,
    ) -> Result<OpenResult, Error> {
        let opened = self.policy.open()?;
        Ok(match self.inner.open_file(follow, path, open, read, write, flags).await? {
            OpenResult::File(inner) => OpenResult::File(Box::new(GuestFile {
                inner,
                policy: self.policy.clone(),
                waits: self.waits.clone(),
                sharing: Sharing::Own,
                blocks: false,
                is_nonblocking: false,
                opened: Some(opened),
            })),
            folder => folder,
        })
    }

    #[cfg(unix)]
    async fn open_any(
        &self,
        follow: bool,
        path: &str,
        open: OFlags,
        read: bool,
        write: bool,
        flags: FdFlags,
    ) -> Result<OpenResult, Error> {
        use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
        if flags.intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC) {
            return Err(Error::not_supported());
        }
        let is_folder = open.contains(OFlags::DIRECTORY);
        if is_folder && open.intersects(OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE) {
            return Err(Error::invalid_argument());
        }
        let creates = open.contains(OFlags::CREATE);
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
        let file = self.open(path, &mut options)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            let folder = cap_std::fs::Dir::from_std_file(file.into_std());
            let (policy, waits) = (self.policy.clone(), self.waits.clone());
            return Ok(OpenResult::Dir(Box::new(Self::new(folder, policy, waits, Some(opened)))));
        }
        if is_folder {
            return Err(Error::not_dir());
        }
        Self::set_flags(&file, flags)?;
        Ok(OpenResult::File(Box::new(GuestFile {
            inner: Box::new(wasi_common::sync::file::File::from_cap_std(file)),
            policy: self.policy.clone(),
            waits: self.waits.clone(),
            sharing: Sharing::Own,
            blocks: !metadata.is_file(),
            is_nonblocking: flags.contains(FdFlags::NONBLOCK),
            opened: Some(opened),
        })))
    }
}

#[wiggle::async_trait]
impl WasiDir for GuestFolder {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        follow: bool,
        path: &str,
        mut open: OFlags,
        read: bool,
        write: bool,
        flags: FdFlags,
    ) -> Result<OpenResult, Error> {
        let creates = open.contains(OFlags::CREATE);
        if self.policy.is_read_only() {
            if write || open.contains(OFlags::TRUNCATE) || flags.contains(FdFlags::APPEND) {
                return Err(Errno::Rofs.into());
            }
            // A file that exists needs no change.
            if creates {
                if open.contains(OFlags::EXCLUSIVE) {
                    let exists = self.inner.get_path_filestat(path, false).await.is_ok();
                    return Err(if exists { Error::exist() } else { Errno::Rofs.into() });
                }
                open.remove(OFlags::CREATE);
            }
        }
        self.open_any(follow, path, open, read, write, flags).await
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
