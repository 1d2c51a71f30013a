//! Looks at V8 while wasm runs: an interrupted call runs JavaScript that does nothing, which fails if the thread is being
//! terminated. V8 also does what waits for it then: the inspector pauses, for example.

use crate::napi::context::Context;
use crate::napi::env::exception::ThrownValue;
use crate::store::{Thrown, set_look};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

thread_local! {
    /// The contexts of this thread
    static CONTEXTS: RefCell<Vec<Weak<Context>>> = RefCell::default();
}

/// Lets calls of the store look at V8.
pub fn install(context: &Rc<Context>) {
    set_look(look);
    CONTEXTS.with_borrow_mut(|contexts| {
        contexts.retain(|context| context.strong_count() > 0);
        contexts.push(Rc::downgrade(context));
    });
}

/// # Errors
/// The error that unwinds wasm while its thread is being terminated.
fn look() -> Result<(), Thrown> {
    let contexts = CONTEXTS.with_borrow(|contexts| contexts.iter().filter_map(Weak::upgrade).collect::<Vec<_>>());
    let running: Vec<_> = contexts.iter().filter(|context| context.depth.get() > 0).collect();
    // V8 may collect, and JavaScript may see the memories.
    for context in &running {
        context.buffers.detach_grown(context.js(), &context.store);
        context.environment.running.hold(context.js());
    }
    running.first().map_or(Ok(()), |context| look_by(context))
}

/// Looks by the environment of a running context: a thread has one.
fn look_by(context: &Context) -> Result<(), Thrown> {
    let env = context.js();
    let scope = env.open_scope();
    if context.environment.call_after(|lib| &lib.look, &[]).is_ok() {
        return Ok(());
    }
    let exception = ThrownValue::take(env);
    // An error object is that of an exhausted stack. The end of a thread comes without one.
    match exception.value(scope.env()).is_some_and(|value| scope.env().is_object(value)) {
        true => Ok(()),
        false => Err(Thrown(Box::new(exception))),
    }
}
