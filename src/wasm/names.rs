//! The name section.

use wasmparser::{BinaryReader, Name, NameMap, NameSectionReader};

/// The function names of a name section, by function index. Omits unreadable names, and second names of a function.
pub fn of_functions(section: &[u8]) -> Vec<(u32, &str)> {
    let mut names = Vec::new();
    for subsection in NameSectionReader::new(BinaryReader::new(section, 0)) {
        let Ok(Name::Function(map)) = subsection else { continue };
        names.extend(map.into_iter().map_while(Result::ok).map(|naming| (naming.index, naming.name)));
    }
    names.sort_by_key(|(index, _)| *index);
    names.dedup_by_key(|(index, _)| *index);
    names
}

/// Whether the engine can read a name section to its end. A module with an unreadable one is still valid.
pub fn are_readable(section: NameSectionReader<'_>) -> bool {
    read(section).is_ok()
}

/// The engine cannot read the name section.
struct BadNames;

impl From<wasmparser::BinaryReaderError> for BadNames {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self
    }
}

fn read_map(map: NameMap<'_>) -> Result<(), BadNames> {
    map.into_iter().try_for_each(|naming| readable(naming?.name))
}

/// Refuses NUL: the compilers write names into symbol tables, where NUL ends a name.
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
