//! `Quota`: how much of each resource a store or an instance may have, and how much it has.

use crate::error::{Error, ErrorKind};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wasmer::sys::vm::MemoryError;

/// A resource that a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of all memories
    MemorySize,
    /// Entries of all tables
    TableElements,
    /// Instances that the user made
    Instances,
    /// Functions of all instances, imported ones among them
    Functions,
    /// JavaScript values that wasm holds
    Externrefs,
    /// `ArrayBuffer`s over memories
    Buffers,
}

impl Resource {
    /// Number of resources.
    pub const COUNT: usize = 6;

    /// All of them, in the order of `Quota::new`.
    pub const ALL: [Self; Self::COUNT] =
        [Self::MemorySize, Self::TableElements, Self::Instances, Self::Functions, Self::Externrefs, Self::Buffers];

    /// The name that the option `limits` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MemorySize => "memorySize",
            Self::TableElements => "tableElements",
            Self::Instances => "instances",
            Self::Functions => "functions",
            Self::Externrefs => "externrefs",
            Self::Buffers => "buffers",
        }
    }
}

/// A limit that something would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The resource
    pub resource: Resource,
    /// The limit
    pub limit: u64,
    /// The amount that there would be
    pub asked: u64,
    /// Whether it is a limit of one instance, not of the store
    pub of_instance: bool,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(*self).fmt(f)
    }
}

impl From<Exceeded> for Error {
    #[cold]
    fn from(Exceeded { resource, limit, asked, of_instance }: Exceeded) -> Self {
        let owner = if of_instance { "instance" } else { "store" };
        ErrorKind::Limit { owner, limit: resource.name(), value: limit, asked }.into()
    }
}

/// For wasmer, which only passes it on; `Quota::take_refusal` has the cause.
impl From<Exceeded> for MemoryError {
    fn from(exceeded: Exceeded) -> Self {
        Self::Generic(exceeded.to_string())
    }
}

/// The limits of a store or of an instance, and the amounts in use. What an instance takes, its store has too.
#[derive(Debug)]
pub struct Quota {
    limits: [u64; Resource::COUNT],
    used: [AtomicU64; Resource::COUNT],
    /// The quota of the store, for an instance
    store: Option<Arc<Quota>>,
    /// The last refusal: wasmer drops the cause of a failed growth
    refusal: Mutex<Option<Exceeded>>,
}

impl Quota {
    /// The quota of a store; `limits` in the order of `Resource::ALL`.
    pub fn new(limits: [u64; Resource::COUNT]) -> Arc<Self> {
        Self::within(limits, None)
    }

    /// A quota without limits.
    pub fn unlimited() -> Arc<Self> {
        Self::new([u64::MAX; Resource::COUNT])
    }

    /// The quota of an instance in the store of this one.
    pub fn of_instance(self: &Arc<Self>, limits: [u64; Resource::COUNT]) -> Arc<Self> {
        Self::within(limits, Some(self.clone()))
    }

    fn within(limits: [u64; Resource::COUNT], store: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { limits, used: Default::default(), store, refusal: Mutex::default() })
    }

    /// The limit of a resource.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits[resource as usize]
    }

    /// Whether it is the quota of one instance, not of a store.
    pub fn is_of_instance(&self) -> bool {
        self.store.is_some()
    }

    /// The amount in use.
    pub fn used(&self, resource: Resource) -> u64 {
        self.used[resource as usize].load(Ordering::Relaxed)
    }

    /// Takes an amount, until the charge is dropped.
    ///
    /// # Errors
    /// `Exceeded`; then nothing is taken.
    pub fn charge(self: &Arc<Self>, resource: Resource, amount: u64) -> Result<Charge, Exceeded> {
        let charge = Charge { quota: self.clone(), resource, amount: AtomicU64::new(0) };
        charge.grow(amount)?;
        Ok(charge)
    }

    /// Checks that so much would be within the limit, for a resource that is counted elsewhere.
    ///
    /// # Errors
    /// `Exceeded`.
    pub fn check(&self, resource: Resource, amount: u64) -> Result<(), Exceeded> {
        match self.limit(resource) {
            limit if amount > limit => Err(self.exceeded(resource, amount)),
            _ => Ok(()),
        }
    }

    /// Checks that so much more would be within the limits of this quota and its store. Takes nothing.
    ///
    /// # Errors
    /// `Exceeded`.
    pub fn check_more(&self, resource: Resource, more: u64) -> Result<(), Exceeded> {
        self.chain().try_for_each(|quota| quota.check(resource, quota.used(resource).saturating_add(more)))
    }

    /// Takes the last refusal of this quota, or of one of its instances.
    pub fn take_refusal(&self) -> Option<Exceeded> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// This quota, and that of its store.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |quota| quota.store.as_deref())
    }

    fn add(&self, resource: Resource, amount: u64) -> Result<(), Exceeded> {
        let limit = self.limit(resource);
        let within = |used: u64| used.checked_add(amount).filter(|sum| *sum <= limit);
        let added = self.used[resource as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        added.map(drop).map_err(|used| self.exceeded(resource, used.saturating_add(amount)))
    }

    #[cold]
    fn exceeded(&self, resource: Resource, asked: u64) -> Exceeded {
        let refusal = Exceeded { resource, limit: self.limit(resource), asked, of_instance: self.store.is_some() };
        self.chain().for_each(|quota| {
            *quota.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        });
        refusal
    }
}

/// An amount of a resource that something has; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    quota: Arc<Quota>,
    resource: Resource,
    amount: AtomicU64,
}

impl Charge {
    /// The amount.
    pub fn amount(&self) -> u64 {
        self.amount.load(Ordering::Relaxed)
    }

    /// Takes more.
    ///
    /// # Errors
    /// `Exceeded`; then nothing more is taken.
    pub fn grow(&self, more: u64) -> Result<(), Exceeded> {
        let mut taken = Vec::new();
        for quota in self.quota.chain() {
            if let Err(exceeded) = quota.add(self.resource, more) {
                taken.into_iter().for_each(|quota: &Quota| quota.give_back(self.resource, more));
                return Err(exceeded);
            }
            taken.push(quota);
        }
        self.amount.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Gives some back.
    pub fn shrink(&self, less: u64) {
        self.amount.fetch_sub(less, Ordering::Relaxed);
        self.quota.chain().for_each(|quota| quota.give_back(self.resource, less));
    }

    /// Raises the amount to what something has become already, whatever the limits.
    pub fn raise_to(&self, amount: u64) {
        let before = self.amount.fetch_max(amount, Ordering::Relaxed);
        if let Some(more) = amount.checked_sub(before) {
            self.quota.chain().for_each(|quota| quota.take(self.resource, more));
        }
    }
}

/// An amount that is in use but does not count for the time being; it counts again when this is dropped, whatever the limits.
#[derive(Debug)]
pub struct SetAside {
    quota: Arc<Quota>,
    resource: Resource,
    amount: u64,
    /// Whether it counts in the store
    counts_in_store: bool,
}

impl SetAside {
    /// Makes the amount count in the store, though not in its instance.
    pub fn count_in_store(&mut self) {
        if !std::mem::replace(&mut self.counts_in_store, true) {
            let stores = self.quota.chain().filter(|quota| quota.store.is_none());
            stores.for_each(|quota| quota.take(self.resource, self.amount));
        }
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        let rest = self.quota.chain().filter(|quota| quota.store.is_some() || !self.counts_in_store);
        rest.for_each(|quota| quota.take(self.resource, self.amount));
    }
}

impl Quota {
    /// Sets aside an amount that charges of this quota have.
    pub fn set_aside(self: &Arc<Self>, resource: Resource, amount: u64) -> SetAside {
        self.chain().for_each(|quota| quota.give_back(resource, amount));
        SetAside { quota: self.clone(), resource, amount, counts_in_store: false }
    }

    /// Takes an amount whatever the limits.
    fn take(&self, resource: Resource, amount: u64) {
        self.used[resource as usize].fetch_add(amount, Ordering::Relaxed);
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        self.used[resource as usize].fetch_sub(amount, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let amount = self.amount();
        self.quota.chain().for_each(|quota| quota.give_back(self.resource, amount));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(memory: u64) -> [u64; Resource::COUNT] {
        let mut limits = [u64::MAX; Resource::COUNT];
        limits[Resource::MemorySize as usize] = memory;
        limits
    }

    #[test]
    fn what_is_dropped_is_given_back() {
        let store = Quota::new(of(10));
        let first = store.charge(Resource::MemorySize, 7).unwrap();
        let refusal = store.charge(Resource::MemorySize, 4).unwrap_err();
        assert_eq!((refusal.limit, refusal.asked, refusal.of_instance), (10, 11, false));
        assert_eq!((store.take_refusal(), store.take_refusal()), (Some(refusal), None));
        assert_eq!(store.used(Resource::MemorySize), 7, "a refused charge takes nothing");
        first.grow(3).unwrap();
        assert!(first.grow(1).is_err() && first.amount() == 10);
        first.shrink(9);
        assert_eq!(store.used(Resource::MemorySize), 1);
        drop(first);
        assert_eq!(store.used(Resource::MemorySize), 0);
        assert!(store.charge(Resource::MemorySize, u64::MAX).is_err());
    }

    #[test]
    fn what_an_instance_takes_its_store_has() {
        let store = Quota::new(of(10));
        let instance = store.of_instance(of(6));
        let own = instance.charge(Resource::MemorySize, 5).unwrap();
        let of_instance = own.grow(2).unwrap_err();
        assert!(of_instance.of_instance && of_instance.limit == 6);
        assert_eq!(store.take_refusal(), Some(of_instance), "the store knows why");
        let others = store.charge(Resource::MemorySize, 5).unwrap();
        let of_store = own.grow(1).unwrap_err();
        assert!(!of_store.of_instance && of_store.asked == 11);
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (5, 10));
        own.raise_to(8);
        own.raise_to(7);
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (8, 13));
        let mut aside = instance.set_aside(Resource::MemorySize, 7);
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (1, 6));
        let fresh = instance.charge(Resource::MemorySize, 4).unwrap();
        aside.count_in_store();
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (5, 17));
        drop(aside);
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (12, 17));
        drop(fresh);
        drop((own, others));
        assert_eq!((instance.used(Resource::MemorySize), store.used(Resource::MemorySize)), (0, 0));
    }
}
