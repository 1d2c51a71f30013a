//! The link under which a trap happened.

use super::slots::Slots;
use crate::error::{LinkedFunction, Trace, TracedFunction};
use crate::store::{FuncRef, Store};
use crate::wasm::path;

/// Number of frames in which the link is searched.
const FRAMES: usize = 64;

impl Slots {
    /// The innermost function on the stack that was called through a slot with an active link; none if there is none.
    pub fn linked_function(&self, store: &Store, trace: &dyn Trace) -> Option<LinkedFunction> {
        let linked: Vec<_> = self.slots.iter().map(|(_, slot)| slot).filter(|slot| slot.active.is_any()).collect();
        if linked.is_empty() {
            return None;
        }
        let functions = trace.functions(FRAMES);
        functions.iter().zip(functions.iter().skip(1)).find_map(|(function, caller)| {
            let mut slots = linked.iter().filter(|slot| !slot.ended);
            let slot = slots.find(|slot| {
                let calls = slot.instance.as_ref().is_none_or(|instance| instance.runs(caller.module));
                calls && slot.primary_entry.get(store).is_some_and(|held| is(store, held, function))
            })?;
            let (instance, index) = slot.primary_entry.get(store)?.canonical(store).locate(store)?;
            let code = instance.code();
            let named = code.function_name(index).map(|name| path(name).into_owned());
            let implementation = named.unwrap_or_else(|| format!("func[{}]", code.original_index(index)));
            Some(LinkedFunction { slot: slot.name.clone(), implementation })
        })
    }
}

fn is(store: &Store, held: FuncRef, function: &TracedFunction) -> bool {
    let located = held.canonical(store).locate(store);
    located.is_some_and(|(instance, index)| index == function.index && instance.runs(function.module))
}
