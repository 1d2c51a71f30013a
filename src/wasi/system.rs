//! The system that a guest sees: its descriptors, arguments and variables, and the calls of its functions.

use crate::store::RawValue;
use crate::wasi::errno;
use crate::wasi::folder::GuestFolder;
use crate::wasi::functions::{Function, FunctionId, Snapshot};
use crate::wasi::guest_bytes::GuestBytes;
use crate::wasi::policy::Policy;
use crate::wasi::rights::{OF_FILES, ReducedRights, Rights};
use crate::wasi::scheduler::{MonotonicClock, Scheduler};
use crate::wasi::streams::{Outbox, Stream};
use crate::wasi::waits::Waits;
use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use wasi_common::{Table, WasiClocks, WasiCtx};
use wiggle::{GuestMemory, anyhow};

/// A folder of the host that the guest has open from the start.
pub struct Preopen {
    /// Its name for the guest
    pub name: String,
    /// Its path in the host
    pub path: String,
    /// Whether the guest may not change anything
    pub is_read_only: bool,
    /// Most bytes that the guest may write
    pub most_bytes: Option<u64>,
    /// Most files and folders that the guest may have open
    pub most_files: Option<u64>,
}

/// What a system is made of. Nothing is given to the guest that is not in here.
pub struct SystemOptions {
    /// The arguments, of which the first is the program's name
    pub arguments: Vec<String>,
    /// Names and values of the environment's variables
    pub variables: Vec<(String, String)>,
    /// The preopens
    pub preopens: Vec<Preopen>,
    /// stdin, stdout and stderr
    pub streams: [Stream; 3],
    /// Whether the host answers `clock_time_get`
    pub has_host_clock: bool,
    /// Whether the host answers `random_get`
    pub has_host_random: bool,
}

/// Why a system could not be made.
pub enum Refusal {
    /// A text with a NUL
    Nul(String),
    /// A preopen that cannot be opened, by its position
    Preopen(usize, io::Error),
    /// A stream whose descriptor is not open, by its number
    Stream(u32, io::Error),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemOutcome {
    /// With an errno
    Errno(i32),
    /// The guest wants to exit
    Exit(i32),
    /// The host must write the time of this clock, in nanoseconds, to this address
    Clock(u32, u32),
    /// The host must write random bytes to this address
    Random(u32, u32),
}

/// The system of a guest.
pub struct System {
    /// None once it is closed
    context: RefCell<Option<WasiCtx>>,
    rights: RefCell<ReducedRights>,
    waits: Arc<Waits>,
    /// What the guest has written to streams of chunks
    pub outbox: Arc<Outbox>,
    created: Instant,
    has_host_clock: bool,
    has_host_random: bool,
    /// The first descriptor number after the preopens
    first: u32,
    /// The greatest descriptor number that the guest has got
    greatest: Cell<u32>,
}

/// Most vectors of one read or write, as on Linux.
const MOST_VECTORS: u32 = 1024;

/// Most subscriptions of one `poll_oneoff`.
const MOST_SUBSCRIPTIONS: u32 = 4096;

impl System {
    /// A system.
    ///
    /// # Errors
    /// See `Refusal`.
    pub fn new(options: SystemOptions) -> Result<Self, Refusal> {
        let (waits, outbox) = (Arc::<Waits>::default(), Arc::<Outbox>::default());
        // The monotonic clock of wasi-common begins at the same time.
        let created = waits.begin();
        let clocks = WasiClocks::new().with_monotonic(MonotonicClock(waits.clone()));
        waits.end();
        let random = wasi_common::sync::random_ctx();
        let mut context = WasiCtx::new(random, clocks, Box::new(Scheduler(waits.clone())), Table::new());
        for argument in &options.arguments {
            context.push_arg(argument).map_err(|_| Refusal::Nul(argument.clone()))?;
        }
        for (name, value) in &options.variables {
            context.push_env(name, value).map_err(|_| Refusal::Nul(format!("{name}={value}")))?;
        }
        for (number, stream) in (0..).zip(options.streams) {
            let file = stream.file(number, &waits, &outbox).map_err(|error| Refusal::Stream(number, error))?;
            match number {
                0 => context.set_stdin(file),
                1 => context.set_stdout(file),
                _ => context.set_stderr(file),
            }
        }
        let first = 3 + options.preopens.len() as u32;
        for (index, preopen) in options.preopens.into_iter().enumerate() {
            let folder = cap_std::fs::Dir::open_ambient_dir(&preopen.path, cap_std::ambient_authority());
            let folder = folder.map_err(|error| Refusal::Preopen(index, error))?;
            let policy = Policy::new(preopen.is_read_only, preopen.most_bytes, preopen.most_files);
            let folder = Box::new(GuestFolder::new(folder, policy, waits.clone(), None));
            context
                .push_preopened_dir(folder, preopen.name)
                .map_err(|error| Refusal::Preopen(index, io::Error::other(error.to_string())))?;
        }
        Ok(Self {
            context: RefCell::new(Some(context)),
            rights: RefCell::default(),
            waits,
            outbox,
            created,
            has_host_clock: options.has_host_clock,
            has_host_random: options.has_host_random,
            first,
            greatest: Cell::new(first),
        })
    }

    /// Closes all descriptors. Later calls fail with `BADF`.
    pub fn close(&self) {
        // While a call runs, it is borrowed only within `try_call`, which runs no code of the host.
        if let Ok(mut context) = self.context.try_borrow_mut() {
            drop(context.take());
        }
    }

    /// Closes the files and folders that the guest has opened.
    pub fn close_opened(&self) {
        let close = of_preview_1(FunctionId::fd_close);
        if let (Ok(mut context), Some(close)) = (self.context.try_borrow_mut(), close) {
            let Some(context) = context.as_mut() else { return };
            for fd in self.first..=self.greatest.replace(self.first) {
                self.rights.borrow_mut().take(fd);
                if context.table().contains_key(fd) {
                    let arguments = [RawValue { i64: fd.into() }, RawValue::default()];
                    // SAFETY: these are the arguments of `fd_close`. It cannot fail for a descriptor that is open.
                    let _ = unsafe { close.call(context, &mut GuestMemory::Unshared(&mut []), arguments.as_ptr()) };
                }
            }
        }
    }

    /// Calls a function. `must_stop` is asked between the slices of a wait: whether wasm must stop. Then the call ends with
    /// `INTR`.
    ///
    /// # Errors
    /// Those of `must_stop`, and faults that are no errno.
    ///
    /// # Safety
    /// `values` points to arguments of the function's type.
    pub unsafe fn call<E>(
        &self,
        function: &Function,
        bytes: impl Fn() -> GuestBytes,
        values: *const RawValue,
        must_stop: impl Fn() -> Result<bool, E>,
        fault: impl Fn(anyhow::Error) -> E,
    ) -> Result<SystemOutcome, E> {
        loop {
            // SAFETY: by the contract of this function.
            let outcome = unsafe { self.try_call(function, &mut bytes(), values) };
            if !self.waits.take_pending() {
                self.waits.end();
                return outcome.map_err(fault);
            }
            match must_stop() {
                Ok(false) => {}
                Ok(true) => {
                    self.waits.end();
                    return Ok(SystemOutcome::Errno(errno::INTR));
                }
                Err(error) => {
                    self.waits.end();
                    return Err(error);
                }
            }
        }
    }

    /// One slice of a call.
    ///
    /// # Safety
    /// As for `call`.
    unsafe fn try_call(
        &self,
        function: &Function,
        bytes: &mut GuestBytes,
        values: *const RawValue,
    ) -> anyhow::Result<SystemOutcome> {
        use FunctionId as F;
        // SAFETY: by the contract of this function, for as many as the function has parameters.
        let argument = |index: usize| unsafe { (*values.add(index)).u32 };
        // SAFETY: as above.
        let wide = |index: usize| unsafe { (*values.add(index)).u64 };
        match function.id {
            F::proc_exit => return Ok(SystemOutcome::Exit(argument(0) as i32)),
            F::clock_time_get if self.has_host_clock => return Ok(SystemOutcome::Clock(argument(0), argument(2))),
            F::random_get if self.has_host_random => return Ok(SystemOutcome::Random(argument(0), argument(1))),
            F::clock_time_get => return Ok(SystemOutcome::Errno(self.time(bytes, argument(0), argument(2)))),
            F::clock_res_get => {
                let is_known = argument(0) <= 3;
                let written = if is_known { bytes.write(argument(1), &1_u64.to_le_bytes()) } else { errno::INVAL };
                return Ok(SystemOutcome::Errno(written));
            }
            F::random_get => return Ok(SystemOutcome::Errno(bytes.fill_randomly(argument(0), argument(1)))),
            F::sched_yield => {
                std::thread::yield_now();
                return Ok(SystemOutcome::Errno(errno::SUCCESS));
            }
            F::proc_raise => return Ok(SystemOutcome::Errno(errno::NOTSUP)),
            F::fd_read | F::fd_pread | F::fd_write | F::fd_pwrite | F::sock_recv | F::sock_send
                if argument(2) > MOST_VECTORS =>
            {
                return Ok(SystemOutcome::Errno(errno::INVAL));
            }
            F::poll_oneoff if argument(2) > MOST_SUBSCRIPTIONS => return Ok(SystemOutcome::Errno(errno::INVAL)),
            _ => {}
        }
        // Only JavaScript that V8 runs between two slices of another call could find it borrowed.
        let Ok(mut context) = self.context.try_borrow_mut() else { return Ok(SystemOutcome::Errno(errno::BUSY)) };
        let Some(context) = context.as_mut() else { return Ok(SystemOutcome::Errno(errno::BADF)) };
        let mut rights = self.rights.borrow_mut();
        let open = if function.id == F::path_open { argument(4) } else { 0 };
        let takes_fd = !function.has_no_parameters();
        if takes_fd && !rights.allow(function.id, argument(0), open) {
            return Ok(SystemOutcome::Errno(errno::NOTCAPABLE));
        }
        if function.id == F::fd_fdstat_set_rights {
            let wanted = Rights { base: wide(1), inheriting: wide(2) };
            return Ok(SystemOutcome::Errno(set_rights(context, &mut rights, argument(0), wanted)));
        }
        // SAFETY: by the contract of this function.
        let errno = bytes.with(|memory| unsafe { function.call(context, memory, values) })?;
        if errno != errno::SUCCESS {
            let is_socket_call = matches!(function.id, F::sock_accept | F::sock_recv | F::sock_send | F::sock_shutdown);
            let is_no_socket = errno == errno::BADF && is_socket_call && context.table().contains_key(argument(0));
            return Ok(SystemOutcome::Errno(if is_no_socket { errno::NOTSOCK } else { errno }));
        }
        match function.id {
            F::fd_close => drop(rights.take(argument(0))),
            F::fd_renumber if argument(0) != argument(1) => match rights.take(argument(0)) {
                Some(moved) => rights.set(argument(1), moved),
                None => drop(rights.take(argument(1))),
            },
            F::fd_fdstat_get => {
                if let Some(has) = rights.of(argument(0)).or_else(|| rights_of(context, argument(0))) {
                    return Ok(SystemOutcome::Errno(bytes.write_rights(argument(1), has)));
                }
            }
            F::path_open => {
                let fd = bytes.read_u32(argument(8)).unwrap_or(self.first);
                self.greatest.set(self.greatest.get().max(fd));
                if let (Some(folder), Some(all)) = (rights.of(argument(0)), rights_of(context, fd)) {
                    let Rights { inheriting, .. } = folder;
                    rights.set(fd, all.and(Rights { base: inheriting, inheriting }));
                }
            }
            _ => {}
        }
        Ok(SystemOutcome::Errno(errno))
    }

    /// Writes the time of a clock, in nanoseconds. Returns an errno.
    fn time(&self, bytes: &mut GuestBytes, clock: u32, to: u32) -> i32 {
        let time = match clock {
            0 => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok().map(|time| time.as_nanos()),
            1 => Some(self.created.elapsed().as_nanos()),
            2 | 3 => processor_time(clock == 3).map(u128::from),
            _ => return errno::INVAL,
        };
        match time.and_then(|time| u64::try_from(time).ok()) {
            Some(time) => bytes.write(to, &time.to_le_bytes()),
            None => errno::OVERFLOW,
        }
    }
}

/// The processor time of this process or thread, in nanoseconds.
#[cfg(unix)]
fn processor_time(of_thread: bool) -> Option<u64> {
    let clock = if of_thread { libc::CLOCK_THREAD_CPUTIME_ID } else { libc::CLOCK_PROCESS_CPUTIME_ID };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the system writes the time.
    let is_known = unsafe { libc::clock_gettime(clock, &mut time) } == 0;
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).ok());
    if is_known { seconds?.checked_mul(1_000_000_000)?.checked_add(nanoseconds?) } else { None }
}

#[cfg(not(unix))]
fn processor_time(_of_thread: bool) -> Option<u64> {
    None
}

/// A function of preview 1.
fn of_preview_1(id: FunctionId) -> Option<&'static Function> {
    Snapshot::Preview1.functions().iter().find(|function| function.id == id)
}

/// Size of the `fdstat` of WASI, in bytes.
const FDSTAT: usize = 24;

/// The type of a regular file in an `fdstat`
const REGULAR_FILE: u8 = 4;

/// The rights that a descriptor is opened with. wasi-common only says whether a file is open for reading and writing.
fn rights_of(context: &mut WasiCtx, fd: u32) -> Option<Rights> {
    let get = of_preview_1(FunctionId::fd_fdstat_get)?;
    let mut memory = [0; FDSTAT];
    let values = [RawValue { i64: fd.into() }, RawValue { i64: 0 }];
    // SAFETY: these are the arguments of `fd_fdstat_get`.
    let errno = unsafe { get.call(context, &mut GuestMemory::Unshared(&mut memory), values.as_ptr()) }.ok()?;
    let [base, inheriting] = [8, 16].map(|at| memory[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
    let others = if memory[0] == REGULAR_FILE { OF_FILES } else { 0 };
    (errno == errno::SUCCESS).then_some(Rights { base: base? | others, inheriting: inheriting? })
}

/// Sets the rights of a descriptor; it cannot get more than it has. Returns an errno.
fn set_rights(context: &mut WasiCtx, rights: &mut ReducedRights, fd: u32, wanted: Rights) -> i32 {
    let Some(has) = rights.of(fd).or_else(|| rights_of(context, fd)) else { return errno::BADF };
    if !wanted.is_within(has) {
        return errno::NOTCAPABLE;
    }
    rights.set(fd, wanted);
    errno::SUCCESS
}
