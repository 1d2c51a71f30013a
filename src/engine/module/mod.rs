//! Modules that are ready to run, the registry of those that this process has compiled, and their tier-up.

pub(in crate::engine) mod compiled;
pub(in crate::engine) mod compiled_code;
pub(in crate::engine) mod tier_up;
