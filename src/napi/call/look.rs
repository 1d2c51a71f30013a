//! Looks at V8 while wasm runs: an interrupted call runs JavaScript that does nothing, which fails if the thread is
//! being terminated. V8 also handles its own pending requests then: the inspector pauses, for example.

use crate::napi::context::Context;
use crate::napi::env::exception::ThrownValue;
use crate::store::Thrown;
use std::rc::Rc;

/// Lets calls of the store look at V8.
pub fn install(context: &Rc<Context>) {
    // Weak, since the context owns the store.
    let weak = Rc::downgrade(context);
    context.store.set_look(Box::new(move || weak.upgrade().map_or(Ok(()), |context| look(&context))));
}

/// # Errors
/// The end of the thread, to be thrown at the wasm.
fn look(context: &Context) -> Result<(), Thrown> {
    let env = context.js();
    context.buffers.detach_grown(env, &context.store);
    context.environment.running.hold(env);
    let scope = env.open_scope();
    if context.environment.call_after(|lib| &lib.look, &[]).is_ok() {
        return Ok(());
    }
    let exception = ThrownValue::take(env);
    // An error object means an exhausted stack. The end of a thread comes without an error object.
    match exception.value(scope.env()).is_some_and(|value| scope.env().is_object(value)) {
        true => Ok(()),
        false => Err(Thrown(Box::new(exception))),
    }
}
