use wasmparser::{Name, NameMap, NameSectionReader};

/// Whether the engine can read a name section to its end. One that it cannot makes no module
/// invalid.
pub fn are_readable(section: NameSectionReader<'_>) -> bool {
    read(section).is_ok()
}

/// A name section that the engine would stumble over.
struct BadNames;

impl From<wasmparser::BinaryReaderError> for BadNames {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self
    }
}

fn read_map(map: NameMap<'_>) -> Result<(), BadNames> {
    map.into_iter().try_for_each(|naming| readable(naming?.name))
}

/// The compilers write names into symbol tables, where NUL ends one.
fn readable(name: &str) -> Result<(), BadNames> {
    if name.contains('\0') { Err(BadNames) } else { Ok(()) }
}

fn read(section: NameSectionReader<'_>) -> Result<(), BadNames> {
    for names in section {
        match names? {
            Name::Function(map)
            | Name::Type(map)
            | Name::Table(map)
            | Name::Memory(map)
            | Name::Global(map)
            | Name::Element(map)
            | Name::Data(map)
            | Name::Tag(map) => read_map(map)?,
            Name::Local(map) | Name::Label(map) | Name::Field(map) => {
                for inner in map {
                    read_map(inner?.names)?;
                }
            }
            Name::Module { name, .. } => readable(name)?,
            Name::Unknown { .. } => {}
        }
    }
    Ok(())
}
