//! The externrefs that count for instances with a limit of their own.

use crate::engine::{Charge, Exceeded, Quota, Resource};
use crate::store::ExternRef;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};

/// The charges of externrefs. A value counts for the instance that it was passed to, until no wasm holds it.
#[derive(Default)]
pub struct ExternrefCharges {
    by_number: RefCell<FxHashMap<u32, Charge>>,
    /// The quotas of such instances by their addresses, which are keys for `lib/`
    quotas: RefCell<FxHashMap<usize, Limited>>,
}

/// The quota of an instance that limits its externrefs.
struct Limited {
    quota: Weak<Quota>,
    /// Amount in use at which a sweep is due
    threshold: u64,
}

impl Limited {
    fn new(quota: &Arc<Quota>) -> Self {
        Self { quota: Arc::downgrade(quota), threshold: threshold(quota) }
    }
}

/// The amount in use at which the next sweep is due: when half of what is left now is in use.
fn threshold(quota: &Quota) -> u64 {
    let used = quota.used(Resource::Externrefs);
    used + (quota.limit(Resource::Externrefs).saturating_sub(used) / 2).max(1)
}

/// The quota of an instance, if that limits its externrefs.
pub fn limiting(quota: Option<Arc<Quota>>) -> Option<Arc<Quota>> {
    quota.filter(|quota| quota.is_of_instance() && quota.limit(Resource::Externrefs) != u64::MAX)
}

impl ExternrefCharges {
    /// A key by which `lib/` names the quota of an instance; valid while the quota lives.
    pub fn key(&self, quota: &Arc<Quota>) -> usize {
        let key = Arc::as_ptr(quota).expose_provenance();
        let mut quotas = self.quotas.borrow_mut();
        let known = quotas.entry(key).or_insert_with(|| Limited::new(quota));
        // Another quota may have had the address.
        if known.quota.strong_count() == 0 {
            *known = Limited::new(quota);
        }
        key
    }

    /// The quota with a key; none for a key that is not valid any more.
    pub fn quota(&self, key: usize) -> Option<Arc<Quota>> {
        self.quotas.borrow().get(&key)?.quota.upgrade()
    }

    /// Counts an externref for the instance with this quota, unless it counts already. Returns whether a sweep is due.
    ///
    /// # Errors
    /// `Exceeded`.
    pub fn charge(&self, quota: &Arc<Quota>, ExternRef(number): ExternRef) -> Result<bool, Exceeded> {
        if let Entry::Vacant(entry) = self.by_number.borrow_mut().entry(number) {
            entry.insert(quota.charge(Resource::Externrefs, 1)?);
        }
        let key = self.key(quota);
        Ok(quota.used(Resource::Externrefs) >= self.quotas.borrow()[&key].threshold)
    }

    /// Ends the charge of an externref that nothing holds any more.
    #[inline]
    pub fn end(&self, number: u32) {
        let mut by_number = self.by_number.borrow_mut();
        if !by_number.is_empty() {
            by_number.remove(&number);
        }
    }

    /// To be called after a sweep. Forgets the quotas of instances that are gone.
    pub fn note_sweep(&self) {
        self.quotas.borrow_mut().retain(|_, Limited { quota, threshold }| {
            let quota = quota.upgrade();
            quota.iter().for_each(|quota| *threshold = self::threshold(quota));
            quota.is_some()
        });
    }
}
