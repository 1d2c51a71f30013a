//! The system that a guest sees: its descriptors, arguments and variables, and the calls of its functions.

use crate::store::RawValue;
use crate::wasi::descriptors::{Descriptor, Descriptors};
use crate::wasi::errno;
use crate::wasi::folder::GuestFolder;
use crate::wasi::functions::{Function, FunctionId};
use crate::wasi::guest_bytes::GuestBytes;
use crate::wasi::open_system::OpenSystem;
use crate::wasi::policy::Policy;
use crate::wasi::rights::ReducedRights;
use crate::wasi::scheduler::{MonotonicClock, Scheduler};
use crate::wasi::streams::{Outbox, Stream};
use crate::wasi::waits::Waits;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use wasi_common::{Table, WasiClocks, WasiCtx};
use wiggle::anyhow;

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
pub enum OptionRefusal {
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
    open: RefCell<Option<OpenSystem>>,
    waits: Arc<Waits>,
    /// What the guest has written to streams of chunks
    pub outbox: Arc<Outbox>,
    created: Instant,
    has_host_clock: bool,
    has_host_random: bool,
}

/// Most vectors of one read or write, as on Linux.
const MOST_VECTORS: u32 = 1024;

/// Most subscriptions of one `poll_oneoff`.
const MOST_SUBSCRIPTIONS: u32 = 4096;

impl System {
    /// A system.
    ///
    /// # Errors
    /// See `OptionRefusal`.
    pub fn new(options: SystemOptions) -> Result<Self, OptionRefusal> {
        let (waits, outbox) = (Arc::<Waits>::default(), Arc::<Outbox>::default());
        // The monotonic clock of wasi-common begins at the same time.
        let created = waits.begin();
        let clocks = WasiClocks::new().with_monotonic(MonotonicClock(waits.clone()));
        waits.end();
        let random = wasi_common::sync::random_ctx();
        let mut context = WasiCtx::new(random, clocks, Box::new(Scheduler(waits.clone())), Table::new());
        for argument in &options.arguments {
            context.push_arg(argument).map_err(|_| OptionRefusal::Nul(argument.clone()))?;
        }
        for (name, value) in &options.variables {
            context.push_env(name, value).map_err(|_| OptionRefusal::Nul(format!("{name}={value}")))?;
        }
        let mut descriptors = Descriptors::default();
        for (number, stream) in (0..).zip(options.streams) {
            let given = stream.give(number, &context, &waits, &outbox);
            descriptors.give(given.map_err(|error| OptionRefusal::Stream(number, error))?);
        }
        for (index, preopen) in options.preopens.into_iter().enumerate() {
            let folder = cap_std::fs::Dir::open_ambient_dir(&preopen.path, cap_std::ambient_authority());
            let folder = folder.map_err(|error| OptionRefusal::Preopen(index, error))?;
            let policy = Policy::new(preopen.is_read_only, preopen.most_bytes, preopen.most_files);
            let folder = GuestFolder::new(folder, policy, waits.clone(), None);
            context
                .push_preopened_dir(Box::new(folder.clone()), preopen.name)
                .map_err(|error| OptionRefusal::Preopen(index, io::Error::other(error.to_string())))?;
            descriptors.give(Descriptor::Folder(folder, true));
        }
        Ok(Self {
            open: RefCell::new(Some(OpenSystem { context, descriptors, rights: ReducedRights::default() })),
            waits,
            outbox,
            created,
            has_host_clock: options.has_host_clock,
            has_host_random: options.has_host_random,
        })
    }

    /// Closes all descriptors. Later calls fail with `BADF`.
    pub fn close(&self) {
        // While a call runs, it is borrowed only within `try_call`, which runs no code of the host.
        if let Ok(mut open) = self.open.try_borrow_mut() {
            drop(open.take());
        }
    }

    /// Closes the files and folders that the guest has opened.
    pub fn close_opened(&self) {
        if let Ok(mut open) = self.open.try_borrow_mut()
            && let Some(open) = open.as_mut()
        {
            open.descriptors.opened().into_iter().for_each(|fd| open.close(fd));
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
        let Ok(mut open) = self.open.try_borrow_mut() else { return Ok(SystemOutcome::Errno(errno::BUSY)) };
        let Some(open) = open.as_mut() else { return Ok(SystemOutcome::Errno(errno::BADF)) };
        // SAFETY: by the contract of this function.
        unsafe { open.call(function, bytes, values) }.map(SystemOutcome::Errno)
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
