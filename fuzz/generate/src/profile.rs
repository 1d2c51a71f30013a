//! Profiles: the features that a generated module has many of.

use crate::random::Random;
use wasm_smith::{Config, InstructionKind, InstructionKinds};

/// The features that a module has many of.
#[derive(Debug, Clone, Copy)]
pub enum Profile {
    /// Only features of the first version of WebAssembly
    First,
    /// Calls of own functions, of imports, and through tables
    Calls,
    /// Several tables of both kinds, all segments, all instructions on tables and references
    Tables,
    /// Tables without a maximum
    Growing,
    /// Numbers and memory
    Numbers,
    /// Few traps, so that results come out
    Steady,
    Simd,
    TailCalls,
    Exceptions,
    Memories,
    /// LEB128 numbers that are longer than necessary
    Wide,
    /// Initialisers that compute
    Constants,
    Atomics,
    /// All features that both engines have
    Mixed,
}

const ALL: [Profile; 14] = [
    Profile::First,
    Profile::Calls,
    Profile::Tables,
    Profile::Growing,
    Profile::Numbers,
    Profile::Steady,
    Profile::Simd,
    Profile::TailCalls,
    Profile::Exceptions,
    Profile::Memories,
    Profile::Wide,
    Profile::Constants,
    Profile::Atomics,
    Profile::Mixed,
];

impl Profile {
    pub fn of(seed: u64) -> Self {
        ALL[(seed % ALL.len() as u64) as usize]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Calls => "calls",
            Self::Tables => "tables",
            Self::Growing => "growing",
            Self::Numbers => "numbers",
            Self::Steady => "steady",
            Self::Simd => "simd",
            Self::TailCalls => "tail-calls",
            Self::Exceptions => "exceptions",
            Self::Memories => "memories",
            Self::Wide => "wide",
            Self::Constants => "constants",
            Self::Atomics => "atomics",
            Self::Mixed => "mixed",
        }
    }

    pub fn config(self, random: &mut Random) -> Config {
        use InstructionKind as K;
        let common = common(random);
        match self {
            Self::First => Config {
                reference_types_enabled: false,
                multi_value_enabled: false,
                bulk_memory_enabled: false,
                saturating_float_to_int_enabled: false,
                sign_extension_ops_enabled: false,
                max_tables: 1,
                ..common
            },
            Self::Calls => Config {
                allowed_instructions: InstructionKinds::new(&[
                    K::Control,
                    K::Variable,
                    K::Parametric,
                    K::Reference,
                    K::NumericInt,
                ]),
                min_tables: 1,
                min_element_segments: 5,
                ..common
            },
            Self::Tables => Config {
                allowed_instructions: InstructionKinds::new(&[
                    K::Control,
                    K::Variable,
                    K::Parametric,
                    K::Reference,
                    K::Table,
                ]),
                min_tables: 2,
                max_tables: 5,
                min_element_segments: 6,
                ..common
            },
            Self::Growing => Config {
                table_max_size_required: false,
                min_tables: 1,
                min_element_segments: 1,
                allowed_instructions: InstructionKinds::new(&[K::Control, K::Variable, K::Reference, K::Table]),
                ..common
            },
            Self::Numbers => Config {
                disallow_traps: random.once_in(2),
                allowed_instructions: InstructionKinds::new(&[
                    K::Numeric,
                    K::Memory,
                    K::Variable,
                    K::Parametric,
                    K::Control,
                ]),
                min_memories: 1,
                min_data_segments: 1,
                ..common
            },
            Self::Steady => Config { disallow_traps: true, min_memories: 1, ..common },
            Self::Simd => Config { disallow_traps: random.once_in(2), simd_enabled: true, min_memories: 1, ..common },
            Self::TailCalls => Config {
                tail_call_enabled: true,
                allowed_instructions: InstructionKinds::new(&[K::Control, K::Variable, K::Parametric, K::NumericInt]),
                ..common
            },
            Self::Exceptions => Config { exceptions_enabled: true, max_tags: 5, min_tags: 1, ..common },
            Self::Memories => Config { min_memories: 2, max_memories: 4, min_data_segments: 2, ..common },
            Self::Wide => Config { min_uleb_size: 2 + random.below(4) as u8, ..common },
            Self::Constants => Config { extended_const_enabled: true, min_globals: 3, ..common },
            Self::Atomics => {
                Config { disallow_traps: random.once_in(2), threads_enabled: true, min_memories: 1, ..common }
            }
            Self::Mixed => Config {
                disallow_traps: random.once_in(2),
                simd_enabled: true,
                multi_value_enabled: true,
                max_tables: 4,
                ..common
            },
        }
    }
}

/// The configuration that nearly all profiles share. All engines accept sizes within its limits.
///
/// wasm-smith exceeds a minimum number with probability 1/2, 1/4 and so on, so profiles ask for the numbers that they need.
fn common(random: &mut Random) -> Config {
    Config {
        allow_start_export: random.once_in(3),
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        exceptions_enabled: false,
        export_everything: random.once_in(2),
        extended_const_enabled: false,
        gc_enabled: false,
        max_data_segments: 5,
        max_element_segments: 8,
        max_elements: 10,
        max_exports: 20,
        max_funcs: 40,
        max_globals: 10,
        max_imports: 20,
        max_instructions: 20 + random.below(200),
        max_memories: 1,
        max_memory32_bytes: 4 << 16,
        max_table_elements: 20,
        max_tables: 1 + random.below(3),
        max_types: 20,
        memory64_enabled: false,
        memory_max_size_required: true,
        min_data_segments: random.below(2),
        min_element_segments: random.below(4),
        min_exports: 2 + random.below(8),
        min_funcs: 3 + random.below(14),
        min_globals: random.below(4),
        min_imports: random.below(8),
        min_types: 2 + random.below(8),
        multi_value_enabled: !random.once_in(4),
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        table_max_size_required: true,
        tail_call_enabled: false,
        threads_enabled: false,
        ..Config::default()
    }
}
