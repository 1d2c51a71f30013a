use wasm_encoder::SectionId;

/// The sections that the pass adds to, in the order in which a module has them.
pub(super) const ADDED: [SectionId; 4] = [SectionId::Function, SectionId::Table, SectionId::Element, SectionId::Code];

/// Where in a module a section stands.
pub(super) fn rank(section: SectionId) -> usize {
    use SectionId as S;
    let order = [
        S::Type,
        S::Import,
        S::Function,
        S::Table,
        S::Memory,
        S::Tag,
        S::Global,
        S::Export,
        S::Start,
        S::Element,
        S::DataCount,
        S::Code,
        S::Data,
    ];
    order.iter().position(|&each| each == section).unwrap_or(order.len())
}

/// Whether a custom section no longer holds once code has moved: it speaks of offsets into the code
/// section, or of functions by their index. Engines need none of these, and `Module.customSections`
/// answers from the original bytes.
pub(super) fn is_stale(name: &str) -> bool {
    let prefixes = [".debug_", "reloc.", "metadata.code."];
    let names = ["linking", "sourceMappingURL", "external_debug_info"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}
