use wasmparser::{BinaryReader, Name, NameMap, NameSectionReader};

/// The names that a name section gives to functions, by function index. Of what cannot be read, and
/// of a second name for one function, nothing.
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
