//! A system of WASI and its host: the JavaScript function that takes chunks, tells the time, makes random bytes and ends
//! the process.

use crate::error::{Error, ErrorKind};
use crate::napi::env::bytes::TypedArray;
use crate::napi::env::exception::PendingException;
use crate::napi::env::reference::WeakReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::wasi::{GuestBytes, System, SystemOutcome};
use napi::sys;

/// What the host is asked for: the first argument of its function.
#[derive(Clone, Copy)]
enum HostRequest {
    /// `(stream, Buffer) => errno | undefined`
    Chunk,
    /// `(clock) => bigint`, in nanoseconds
    Clock,
    /// `(length) => Uint8Array`
    Random,
    /// `(code) => void`
    Exit,
}

/// A system and its host.
pub struct WasiHost {
    /// The system
    pub system: System,
    /// Weak, since the functions and imports of WASI keep it alive
    function: WeakReference,
    /// Whether the host ends the process when the guest exits
    exits_process: bool,
}

/// The errno of a write outside the memory
const FAULT: i32 = 21;

impl WasiHost {
    /// A system whose host is `function`.
    pub fn new(env: JsEnv<'_>, system: System, function: Value<'_>, exits_process: bool) -> Self {
        Self { system, function: WeakReference::new(env, function), exits_process }
    }

    /// Does what remains for the host after a call. Returns the errno, or the exit code as an error.
    ///
    /// # Errors
    /// The exception that the host throws.
    pub fn finish(
        &self,
        env: JsEnv<'_>,
        outcome: SystemOutcome,
        bytes: impl Fn() -> GuestBytes,
    ) -> Result<Result<i32, Error>, PendingException> {
        let mut refused = None;
        // The host may call the guest again, which writes more: that call delivers its own chunks.
        for chunk in self.system.outbox.take() {
            let Some(buffer) = env.buffer_of(&chunk.bytes) else {
                let message = format!("there is no room for a copy of {} bytes of output", chunk.bytes.len());
                return Ok(Err(ErrorKind::Memory { message }.into()));
            };
            let answer = self.ask(env, HostRequest::Chunk, &[env.uint32(chunk.stream), buffer])?;
            refused = refused.or(env.get_int32(answer));
        }
        let errno = match outcome {
            SystemOutcome::Errno(errno) => refused.unwrap_or(errno),
            SystemOutcome::Exit(code) => {
                if self.exits_process {
                    self.ask(env, HostRequest::Exit, &[env.int32(code)])?;
                }
                return Ok(Err(ErrorKind::WasiExit { code }.into()));
            }
            SystemOutcome::Clock(clock, to) => {
                let time = self.ask(env, HostRequest::Clock, &[env.uint32(clock)])?;
                bytes().write(to, &env.get_bigint64(time).unwrap_or_default().to_le_bytes())
            }
            SystemOutcome::Random(to, length) => {
                if !bytes().has(to, length) {
                    return Ok(Ok(FAULT));
                }
                let random = self.ask(env, HostRequest::Random, &[env.uint32(length)])?;
                match env.typed_array(random) {
                    Some(TypedArray { kind: sys::TypedarrayType::uint8_array, length: made, data })
                        if made == length as usize && made > 0 =>
                    {
                        // SAFETY: V8 keeps the bytes where they are until JavaScript runs.
                        bytes().write(to, unsafe { std::slice::from_raw_parts(data.cast(), made) })
                    }
                    _ => 0,
                }
            }
        };
        Ok(Ok(errno))
    }

    fn ask<'a>(
        &self,
        env: JsEnv<'a>,
        request: HostRequest,
        arguments: &[Value<'_>],
    ) -> Result<Value<'a>, PendingException> {
        let Some(function) = self.function.get(env) else { return Ok(env.undefined()) };
        let mut all = vec![env.uint32(request as u32)];
        all.extend_from_slice(arguments);
        env.call(function, &all)
    }
}
