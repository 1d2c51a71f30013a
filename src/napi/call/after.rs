//! The work after the last call: deferred recycling and collection.

use crate::napi::context::Context;
use crate::napi::env::deferred::RECYCLING;
use crate::napi::env::exception::ThrownValue;
use crate::napi::gc::collect::collect_after_call;
use crate::store::{Instance, Node};

/// Does the deferred work. To be called when no wasm is on the stack.
#[cold]
pub fn run_deferred(context: &Context) {
    if context.deferred.has(RECYCLING) {
        recycle_trapped(context);
    }
    if context.deferred.is_any() && context.depth.get() == 0 {
        collect_after_call(context);
    }
}

/// Has `lib/` recycle the instances that traps have left in the middle of their work, as their options say. A pending exception is
/// taken out meanwhile, since JavaScript runs.
pub fn recycle_trapped(context: &Context) {
    let env = context.js();
    let thrown = env.is_exception_pending().then(|| ThrownValue::take(env));
    // The results of the call that has just ended, perhaps.
    let _values = context.shared_values.as_ref().map(|shared| shared.saved());
    // If V8 is ending the running JavaScript, the work stays.
    if env.can_use_objects() {
        recycle_each(context);
    }
    thrown.iter().for_each(|exception| exception.throw(env));
}

fn recycle_each(context: &Context) {
    let env = context.js();
    context.deferred.each_trapped(|trapped| {
        if Instance::find(&context.store, trapped.id).is_none() {
            return;
        }
        let scope = env.open_scope();
        let retainer = context.retainers.retainer(scope.env(), &context.store, Node::Instance(trapped.id));
        let arguments = [retainer, trapped.error.get(scope.env())];
        // `lib/` catches all errors. If the thread is being terminated, this fails too, and nothing needs the instance.
        let _ = context.environment.call_after(|lib| &lib.recycle, &arguments);
    });
}
