//! The layout of a type in the canonical ABI: in memory, and as core values.

/// A core value type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Core {
    /// No value
    Absent = 0,
    /// `i32`
    I32 = 1,
    /// `i64`
    I64 = 2,
    /// `f32`
    F32 = 3,
    /// `f64`
    F64 = 4,
}

/// Number of core values that the parameters of a function may have; more go through memory.
pub const MAX_FLAT: usize = 16;

/// The core values of a type.
#[derive(Debug, Clone, Copy)]
pub struct Flat {
    kinds: [Core; MAX_FLAT],
    len: usize,
}

impl Flat {
    /// No core values.
    pub const NONE: Self = Self { kinds: [Core::Absent; MAX_FLAT], len: 0 };

    /// One core value.
    pub const fn one(core: Core) -> Self {
        let mut flat = Self::NONE;
        flat.kinds[0] = core;
        flat.len = 1;
        flat
    }

    /// Number of values, exact even above [`MAX_FLAT`].
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The value at `index`; `Absent` beyond the end.
    pub const fn kind(&self, index: usize) -> Core {
        if index < MAX_FLAT { self.kinds[index] } else { Core::Absent }
    }

    /// The values of `self`, then those of `other`.
    pub const fn then(mut self, other: &Self) -> Self {
        let mut index = 0;
        while index < other.len && self.len + index < MAX_FLAT {
            self.kinds[self.len + index] = other.kinds[index];
            index += 1;
        }
        self.len = self.len.saturating_add(other.len);
        self
    }

    /// The values of a payload that is either `self` or `other`.
    const fn join(mut self, other: &Self) -> Self {
        let mut index = 0;
        while index < MAX_FLAT {
            self.kinds[index] = match (self.kinds[index], other.kinds[index]) {
                (core, Core::Absent) | (Core::Absent, core) => core,
                (Core::I32, Core::I32 | Core::F32) | (Core::F32, Core::I32) => Core::I32,
                (Core::F32, Core::F32) => Core::F32,
                (Core::F64, Core::F64) => Core::F64,
                _ => Core::I64,
            };
            index += 1;
        }
        if other.len > self.len {
            self.len = other.len;
        }
        self
    }
}

/// The layout of a type.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Size in memory, in bytes
    pub size: usize,
    /// Alignment in memory, in bytes
    pub align: usize,
    /// Its core values
    pub flat: Flat,
}

/// The position of a part inside a whole: its offset in memory, and the index of its first core value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Offset in bytes
    pub bytes: usize,
    /// Number of core values before it
    pub words: usize,
}

impl Position {
    /// The second word of an address and a length.
    pub const LENGTH: Self = Self { bytes: 4, words: 1 };
}

impl Shape {
    /// No value.
    pub const UNIT: Self = Self { size: 0, align: 1, flat: Flat::NONE };
    /// A string or a list: its address and its length.
    pub const LIST: Self = Self { size: 8, align: 4, flat: Flat::one(Core::I32).then(&Flat::one(Core::I32)) };

    /// A number of `size` bytes.
    pub const fn scalar(size: usize, core: Core) -> Self {
        Self { size, align: size, flat: Flat::one(core) }
    }

    /// A record, tuple or parameter list.
    pub const fn record(fields: &[Self]) -> Self {
        let mut shape = Self::UNIT;
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            shape.size = shape.size.next_multiple_of(field.align) + field.size;
            shape.align = larger(shape.align, field.align);
            shape.flat = shape.flat.then(&field.flat);
            index += 1;
        }
        shape.size = shape.size.next_multiple_of(shape.align);
        shape
    }

    /// An array of `count` elements.
    pub const fn array(element: &Self, count: usize) -> Self {
        let mut flat = Flat::NONE;
        let mut index = 0;
        while index < count && flat.len <= MAX_FLAT {
            flat = flat.then(&element.flat);
            index += 1;
        }
        flat.len = element.flat.len.saturating_mul(count);
        let Some(size) = element.size.checked_mul(count) else { panic!("an array of a typed function is too large") };
        Self { size, align: element.align, flat }
    }

    /// A variant; a case without data is [`UNIT`](Self::UNIT).
    pub const fn variant(cases: &[Self]) -> Self {
        let tag = tag_size(cases.len());
        let (mut size, mut align, mut flat) = (0, 1, Flat::NONE);
        let mut index = 0;
        while index < cases.len() {
            size = larger(size, cases[index].size);
            align = larger(align, cases[index].align);
            flat = flat.join(&cases[index].flat);
            index += 1;
        }
        let start = tag.next_multiple_of(align);
        align = larger(align, tag);
        Self { size: (start + size).next_multiple_of(align), align, flat: Flat::one(Core::I32).then(&flat) }
    }

    /// A set of `count` flags, at most 32.
    pub const fn flags(count: usize) -> Self {
        Self::scalar(flags_size(count), Core::I32)
    }
}

/// The positions of the fields of a record.
pub const fn positions<const N: usize>(fields: [Shape; N]) -> [Position; N] {
    let mut positions = [Position { bytes: 0, words: 0 }; N];
    let (mut bytes, mut words) = (0usize, 0usize);
    let mut index = 0;
    while index < N {
        bytes = bytes.next_multiple_of(fields[index].align);
        positions[index] = Position { bytes, words };
        bytes += fields[index].size;
        words = words.saturating_add(fields[index].flat.len);
        index += 1;
    }
    positions
}

/// The position of the data in a variant.
pub const fn payload(cases: &[Shape]) -> Position {
    let mut align = 1;
    let mut index = 0;
    while index < cases.len() {
        align = larger(align, cases[index].align);
        index += 1;
    }
    Position { bytes: tag_size(cases.len()).next_multiple_of(align), words: 1 }
}

/// Size in bytes of the discriminant of a variant.
pub const fn tag_size(cases: usize) -> usize {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Size in bytes of a set of flags.
pub const fn flags_size(count: usize) -> usize {
    match count {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}
