//! Background work on our own threads. Node waits for libuv's threads before a worker or the process ends, and a
//! compile may take minutes. Its result is not needed by then, so a flag tells the work to stop.

use crate::engine::{Cancellation, has_room_for_thread, stay_silent_at_the_end};
use crate::error::{Error, ErrorKind};
use crate::napi::env::exception::PendingException;
use crate::napi::env::throw::{NativeError, guard, refuse, rejection};
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue, Unknown};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Most tasks that run at once: the same as libuv's default.
const MOST: usize = 4;

/// How often a waiting thread checks whether it is being terminated.
const LOOK: Duration = Duration::from_millis(20);

struct Task {
    /// Does the work; given false (there is no thread), rejects its promise instead
    work: Box<dyn FnOnce(bool) + Send>,
    /// Set once the environment that awaits the result has ended
    cancellation: Cancellation,
}

/// The tasks that wait, and the state of the threads.
struct Queue {
    waiting: VecDeque<Task>,
    /// Number of threads without a task, with those that are starting
    idle: usize,
    /// The flags of the running tasks, one for each busy thread
    running: Vec<Cancellation>,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { waiting: VecDeque::new(), idle: 0, running: Vec::new() });
static ARRIVED: Condvar = Condvar::new();

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on another thread. Returns a promise of its result, which `convert` makes a JavaScript value on this thread. `work` may
/// stop early once its flag is set: the environment has ended then.
pub fn in_background<'env, T: Send + 'static, V: ToNapiValue + 'static>(
    env: &'env Env,
    work: impl FnOnce(Cancellation) -> std::result::Result<T, Error> + Send + 'static,
    convert: impl FnOnce(Env, T) -> V + Send + 'static,
) -> Result<Object<'env>, NativeError> {
    let failed = |error: &dyn std::fmt::Display| refuse(ErrorKind::Internal { message: error.to_string() }.into());
    let cancellation = cancellation_of(env).map_err(|error| failed(&error))?;
    let (deferred, promise) = env.create_deferred().map_err(|error| failed(&error))?;
    let flag = cancellation.clone();
    let run = move |has_thread: bool| {
        let output = if has_thread { guard(|| work(flag)) } else { Err(no_thread()) };
        // Has no effect once the environment has ended.
        deferred.resolve(move |env: Env| match output {
            Ok(output) => Ok(convert(env, output)),
            Err(error) => Err(rejection(env, error)),
        });
    };
    start(Task { work: Box::new(run), cancellation });
    Ok(promise)
}

/// Runs `work` on another thread while this one waits, until the work is done or this worker is terminated. Termination
/// sets the flag of the work.
pub fn until_terminated<T: Send + 'static>(
    env: &Env,
    work: impl FnOnce(Cancellation) -> std::result::Result<T, Error> + Send + 'static,
) -> Result<T, NativeError> {
    let failed = |message: String| refuse(ErrorKind::Internal { message }.into());
    let (sender, receiver) = mpsc::channel();
    stay_silent_at_the_end();
    let cancellation = Cancellation::default();
    let flag = cancellation.clone();
    // Sending fails only if this thread no longer waits.
    let run = move || drop(sender.send(guard(|| work(flag))));
    if !spawn(run) {
        return Err(refuse(no_thread()));
    }
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(output) => return output.map_err(refuse),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed("internal error: the compile ended without a result".into()));
            }
            // No JavaScript runs in a thread that is being terminated.
            Err(RecvTimeoutError::Timeout) if env.run_script::<_, Unknown<'_>>("0").is_err() => {
                cancellation.cancel();
                return Err(PendingException.into());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The flag of this thread's environment, shared by all its tasks.
fn cancellation_of(env: &Env) -> napi::Result<Cancellation> {
    thread_local! {
        static OF_THREAD: RefCell<Option<Cancellation>> = const { RefCell::new(None) };
    }
    OF_THREAD.with_borrow_mut(|known| {
        if let Some(known) = known.as_ref().filter(|known| !known.is_cancelled()) {
            return Ok(known.clone());
        }
        let cancellation = Cancellation::default();
        env.add_env_cleanup_hook(cancellation.clone(), |cancellation| cancellation.cancel())?;
        Ok(known.insert(cancellation).clone())
    })
}

/// Starts a thread of this library. Returns false where there is no room for one, or the system gives none.
fn spawn(run: impl FnOnce() + Send + 'static) -> bool {
    let thread = thread::Builder::new().name("wasm-relink-compile".to_owned());
    has_room_for_thread() && thread.spawn(run).is_ok()
}

fn no_thread() -> Error {
    let message = "there is no room for a thread, or the system gives none".to_owned();
    ErrorKind::Memory { message }.into()
}

/// Queues a task, and starts a thread for it if all are busy.
fn start(task: Task) {
    let mut queue = queue();
    queue.waiting.push_back(task);
    // Tasks of ended environments do not count: they must not delay tasks that are awaited.
    let busy = queue.running.iter().filter(|cancellation| !cancellation.is_cancelled()).count();
    if queue.idle < queue.waiting.len() && busy + queue.idle < MOST {
        stay_silent_at_the_end();
        if spawn(work_off) {
            queue.idle += 1;
        } else if queue.idle + queue.running.len() == 0 {
            let refused = queue.waiting.pop_back();
            drop(queue);
            // An unsettled promise of N-API would keep the process alive.
            return refused.into_iter().for_each(|Task { work, .. }| work(false));
        }
        // Without a new thread, the existing ones run the task.
    }
    drop(queue);
    ARRIVED.notify_one();
}

/// The loop of each thread.
fn work_off() {
    let mut queue = queue();
    loop {
        let Some(Task { work, cancellation }) = queue.waiting.pop_front() else {
            // Surplus threads exist because tasks of ended environments do not count as running.
            if queue.idle > MOST {
                queue.idle -= 1;
                return;
            }
            queue = ARRIVED.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        queue.idle -= 1;
        queue.running.push(cancellation.clone());
        drop(queue);
        if !cancellation.is_cancelled() {
            work(true);
        }
        queue = self::queue();
        let done = queue.running.iter().position(|each| each.is(&cancellation));
        done.map(|done| queue.running.swap_remove(done));
        queue.idle += 1;
    }
}
