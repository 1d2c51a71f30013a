//! The image: a compiled module in one piece, with its machine code as it lies in memory.
//!
//! To load wasmer's own form, wasmer copies each function into new memory and links them all. An image is linked once,
//! when the module is compiled. Only absolute addresses depend on where the code lies, and functions contain hardly
//! any. So code runs right from the pages of the disk cache.

use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;
use std::iter::repeat_n;
use std::ops::Range;
use wasmer::sys::vm::{FunctionBodyPtr, SectionBodyPtr, VMFunctionBody, libcalls};
use wasmer_compiler::serialize::MetadataHeader;
use wasmer_compiler::types::module::CompileModuleInfo;
use wasmer_compiler::types::relocation::{Relocation, RelocationKind, RelocationTarget};
use wasmer_compiler::types::section::{CustomSectionProtection, SectionIndex};
use wasmer_compiler::types::symbols::ModuleMetadata;
use wasmer_compiler::{ArtifactBuild, ArtifactCreate, FunctionExtent, link_module};
use wasmer_types::entity::PrimaryMap;
use wasmer_types::{DataInitializerLocation, FunctionIndex, LibCall, LocalFunctionIndex};

/// Alignment of machine code in an image and in the file that holds it, in bytes, so that it can be mapped.
pub(in crate::engine) const PAGE: usize = 4096;
/// Alignment of functions in bytes, for the processor's instruction fetch.
const FUNCTION: usize = 16;
/// Alignment of the data sections to which functions refer, in bytes.
const DATA: usize = 64;
/// Alignment of lists of numbers, and of the parts that wasmer reads in place, in bytes.
const NUMBERS: usize = 16;

/// The most bytes of code and data sections: PC-relative addresses have 32 bits with a sign.
const MOST: usize = i32::MAX as usize;

/// Whether only wasmer can register unwind tables on this system.
const UNWOUND_BY_WASMER: bool = cfg!(windows) || cfg!(all(target_os = "macos", target_arch = "aarch64"));

/// An image that has been read.
pub(in crate::engine) struct Image {
    bytes: OwnedBuffer,
    head: Head,
}

/// The description of an image, at its end.
#[derive(Serialize, Deserialize)]
struct Head {
    code: CodeForm,
    /// Range of the metadata for stack traces, in the form of `trace::frames`
    frames: Range<usize>,
}

#[derive(Serialize, Deserialize)]
enum CodeForm {
    /// Linked, as it lies in memory
    Linked(Linked),
    /// Range of wasmer's own form, which only wasmer can load
    Serialized(Range<usize>),
}

/// Linked machine code, and the rest of a module. Ranges are offsets in the image; other offsets count from the start
/// of the code.
#[derive(Serialize, Deserialize)]
pub(in crate::engine) struct Linked {
    /// Functions, trampolines, and the sections to which they refer
    code: Range<usize>,
    /// Offsets of the functions, then of the trampolines that call functions (one for each type), then of the
    /// trampolines that call imports (one for each import)
    begins: Vec<u32>,
    /// Number of functions
    functions: usize,
    /// Number of trampolines into functions
    trampolines: usize,
    /// Range of the unwind tables, in the code
    eh_frame: Option<Range<usize>>,
    /// Relocations, as pairs of `u32`: the offset at which to write an address, and the offset that it refers to
    addresses: Range<usize>,
    /// Relocations to functions of the engine: the offset at which to write, the function, and the addend in bytes
    libcalls: Vec<(u32, LibCall, i64)>,
    /// wasmer's metadata of the module, without its active data segments
    pub metadata: Range<usize>,
    /// Active data segments
    data: Vec<(DataInitializerLocation, Range<usize>)>,
}

/// Appends aligned parts to an image.
struct ImageWriter(Vec<u8>);

impl ImageWriter {
    fn append(&mut self, bytes: &[u8], alignment: usize) -> Range<usize> {
        let begin = self.0.len().next_multiple_of(alignment);
        self.0.resize(begin, 0);
        self.0.extend_from_slice(bytes);
        begin..self.0.len()
    }
}

/// Makes an image of a compiler's output. `frames` is the metadata for stack traces.
///
/// # Errors
/// A message if wasmer cannot serialize the module, or if there is more code than 32-bit addresses reach.
pub(in crate::engine) fn pack(build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    let linked = if UNWOUND_BY_WASMER { None } else { LinkedCode::new(build) };
    if linked.as_ref().is_some_and(|linked| linked.code.len() > MOST) {
        return Err(format!("it has more than {MOST} bytes of machine code"));
    }
    pack_code(linked, build, frames)
}

/// `pack` as it works on systems where only wasmer can load code.
#[cfg(test)]
pub(in crate::engine) fn pack_serialized(build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    pack_code(None, build, frames)
}

fn pack_code(linked: Option<LinkedCode>, build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    let mut writer = ImageWriter(Vec::new());
    let code = match linked {
        Some(linked) => CodeForm::Linked(linked.write(build, &mut writer)?),
        None => {
            let serialized = build.serialize().map_err(|error| error.to_string())?;
            CodeForm::Serialized(writer.append(&serialized, NUMBERS))
        }
    };
    let frames = writer.append(frames, NUMBERS);
    let head = postcard::to_stdvec(&Head { code, frames }).map_err(|error| error.to_string())?;
    writer.append(&head, 1);
    writer.append(&(head.len() as u64).to_le_bytes(), 1);
    Ok(writer.0)
}

/// Linked code and its absolute relocations, with the fields of `Linked`.
struct LinkedCode {
    code: Vec<u8>,
    begins: Vec<u32>,
    functions: usize,
    trampolines: usize,
    eh_frame: Option<Range<usize>>,
    addresses: Vec<[u32; 2]>,
    libcalls: Vec<(u32, LibCall, i64)>,
}

impl LinkedCode {
    /// None if there is a relocation that only wasmer can apply.
    fn new(build: &ArtifactBuild) -> Option<Self> {
        let functions = build.get_function_bodies_ref()?;
        let trampolines = build.get_function_call_trampolines_ref()?;
        let imports = build.get_dynamic_function_trampolines_ref()?;
        let sections = build.get_custom_sections_ref()?;
        let bodies = functions.values().chain(trampolines.values()).chain(imports.values());
        let mut writer = ImageWriter(Vec::new());
        let begins: Vec<usize> = bodies.map(|body| writer.append(&body.body, FUNCTION).start).collect();
        // Executable sections follow the functions; data sections begin on a page of their own.
        let mut ranges: PrimaryMap<SectionIndex, Range<usize>> = repeat_n(0..0, sections.len()).collect();
        for (protection, alignment) in
            [(CustomSectionProtection::ReadExecute, FUNCTION), (CustomSectionProtection::Read, DATA)]
        {
            for (index, section) in sections.iter().filter(|(_, section)| section.protection == protection) {
                ranges[index] = writer.append(section.bytes.as_slice(), alignment);
            }
            writer.append(&[], PAGE);
        }

        let mut linked = Self {
            code: writer.0,
            begins: begins.iter().map(|begin| *begin as u32).collect(),
            functions: functions.len(),
            trampolines: trampolines.len(),
            eh_frame: build.get_unwind_info()?.eh_frame.map(|index| ranges[index].clone()),
            addresses: Vec::new(),
            libcalls: Vec::new(),
        };
        let import = |index: FunctionIndex| begins[functions.len() + trampolines.len() + index.as_u32() as usize];
        let target = |target| match target {
            RelocationTarget::LocalFunc(index) => Ok(begins[index.as_u32() as usize]),
            RelocationTarget::DynamicTrampoline(index) => Ok(import(index)),
            RelocationTarget::CustomSection(index) => Ok(ranges[index].start),
            RelocationTarget::LibCall(libcall) => Err(libcall),
        };
        let relative = |relocation: &&Relocation| relocation.kind != RelocationKind::Abs8;
        let of_functions = build.get_function_relocations()?;
        let of_sections = build.get_custom_section_relocations_ref()?;
        let all = of_functions.iter().map(|(index, list)| (begins[index.as_u32() as usize], list));
        for (begin, list) in all.chain(of_sections.iter().map(|(index, list)| (ranges[index].start, list))) {
            for Relocation { kind, reloc_target, offset, addend } in list {
                let at = begin as u32 + offset;
                match (kind, target(*reloc_target)) {
                    (RelocationKind::Abs8, Ok(to)) => linked.addresses.push([at, (to as i64 + addend) as u32]),
                    (RelocationKind::Abs8, Err(libcall)) => linked.libcalls.push((at, libcall, *addend)),
                    // PC-relative within the image: nothing to patch when it is loaded.
                    (RelocationKind::X86CallPCRel4 | RelocationKind::PCRel4 | RelocationKind::Arm64Call, _) => {}
                    _ => return None,
                }
            }
        }

        let base = linked.code.as_mut_ptr();
        let pointer = |offset: usize| base.wrapping_add(offset).cast_const();
        let function = |offset: usize| FunctionBodyPtr(pointer(offset).cast::<VMFunctionBody>());
        let extents = functions.values().zip(&begins);
        let extents = extents.map(|(body, begin)| FunctionExtent { ptr: function(*begin), length: body.body.len() });
        link_module(
            build.module_info(),
            &extents.collect::<PrimaryMap<LocalFunctionIndex, _>>(),
            &begins[functions.len() + trampolines.len()..].iter().map(|begin| function(*begin)).collect(),
            of_functions.iter().map(|(index, list)| (index, list.iter().filter(relative))),
            &ranges.values().map(|range| SectionBodyPtr(pointer(range.start))).collect(),
            of_sections.iter().map(|(index, list)| (index, list.iter().filter(relative))),
            build.get_libcall_trampolines()?,
            build.get_libcall_trampoline_len()?,
            &|_| None,
        );
        Some(linked)
    }

    fn write(self, build: &ArtifactBuild, writer: &mut ImageWriter) -> Result<Linked, String> {
        let Self { code, begins, functions, trampolines, eh_frame, addresses, libcalls } = self;
        let code = writer.append(&code, PAGE);
        let addresses: Vec<_> = addresses.as_flattened().iter().flat_map(|number| number.to_le_bytes()).collect();
        let addresses = writer.append(&addresses, NUMBERS);
        let metadata = ModuleMetadata {
            compile_info: CompileModuleInfo {
                features: build.features().clone(),
                module: build.create_module_info(),
                memory_styles: build.memory_styles().clone(),
                table_styles: build.table_styles().clone(),
                function_max_stack_usage: PrimaryMap::new(),
            },
            prefix: String::new(),
            data_initializers: Box::default(),
            function_body_lengths: PrimaryMap::new(),
            cpu_features: build.cpu_features().as_u64(),
        };
        let metadata = metadata.serialize().map_err(|error| error.to_string())?;
        let metadata = writer.append(&metadata, NUMBERS);
        let data =
            build.data_initializers().map(|data| (data.location.clone(), writer.append(&data.data, 1))).collect();
        Ok(Linked { code, begins, functions, trampolines, eh_frame, addresses, libcalls, metadata, data })
    }
}

impl Image {
    /// None if the bytes are not an image.
    pub fn read(bytes: OwnedBuffer) -> Option<Self> {
        let (rest, length) = bytes.split_last_chunk()?;
        let begin = rest.len().checked_sub(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let head = postcard::from_bytes(&rest[begin..]).ok()?;
        Some(Self { bytes, head })
    }

    /// The metadata for stack traces.
    pub fn frames(&self) -> OwnedBuffer {
        self.part(&self.head.frames)
    }

    /// A part that outlives the image: a slice of a mapped file, else a copy, so that the image can be freed.
    fn part(&self, range: &Range<usize>) -> OwnedBuffer {
        let part = self.bytes.slice(range.clone());
        if part.is_mmapped() { part } else { OwnedBuffer::from_bytes(part.to_vec()) }
    }

    /// The linked code; none for `CodeForm::Serialized`.
    pub fn linked(&self) -> Option<&Linked> {
        match &self.head.code {
            CodeForm::Linked(linked) => Some(linked),
            CodeForm::Serialized(_) => None,
        }
    }

    /// wasmer's own form of the module; empty if `linked` gives code.
    pub fn serialized(&self) -> OwnedBuffer {
        match &self.head.code {
            CodeForm::Linked(_) => OwnedBuffer::new(),
            CodeForm::Serialized(range) => self.bytes.slice(range.clone()),
        }
    }

    /// The machine code, before `fill_in` writes addresses into it.
    pub fn code(&self, linked: &Linked) -> &[u8] {
        &self.bytes[linked.code.clone()]
    }

    /// The active data segments, with their contents.
    pub fn data(&self, linked: &Linked) -> Vec<(DataInitializerLocation, OwnedBuffer)> {
        linked.data.iter().map(|(location, range)| (location.clone(), self.part(range))).collect()
    }

    /// Applies all relocations to a copy of the code, which must be run from where it lies now.
    pub fn fill_in(&self, linked: &Linked, code: &mut [u8]) {
        let base = code.as_ptr().expose_provenance() as u64;
        let mut write = |at: u32, address: u64| {
            code[at as usize..][..size_of::<u64>()].copy_from_slice(&address.to_le_bytes());
        };
        for pair in self.bytes[linked.addresses.clone()].as_chunks::<8>().0 {
            let [at, to] = [pair[..4].try_into(), pair[4..].try_into()]
                .map(|number| u32::from_le_bytes(number.expect("half of 8 bytes are 4")));
            write(at, base + u64::from(to));
        }
        for (at, libcall, addend) in &linked.libcalls {
            write(*at, (libcalls::function_pointer(*libcall) as u64).wrapping_add_signed(*addend));
        }
    }

    /// wasmer's form of a module whose functions lie in memory already: its metadata, and the functions' addresses.
    pub fn object(&self, linked: &Linked, base: usize) -> OwnedBuffer {
        let metadata = &self.bytes[linked.metadata.clone()];
        let (functions, rest) = linked.begins.split_at(linked.functions);
        let (trampolines, imports) = rest.split_at(linked.trampolines);
        let numbers = linked.begins.len() + 3;
        let length = MetadataHeader::LEN + metadata.len() + numbers * size_of::<usize>();
        let mut object: Vec<u8> = Vec::with_capacity(length + MetadataHeader::ALIGN);
        // wasmer reads it in place, so the slice must begin aligned.
        let begin = object.as_ptr().align_offset(MetadataHeader::ALIGN);
        object.resize(begin, 0);
        object.extend(MetadataHeader::new(metadata.len()).into_bytes());
        object.extend(metadata);
        for list in [functions, trampolines, imports] {
            object.extend(list.len().to_ne_bytes());
            object.extend(list.iter().flat_map(|offset| (base + *offset as usize).to_ne_bytes()));
        }
        OwnedBuffer::from_bytes(object).slice(begin..)
    }
}

impl Linked {
    /// Range of the code in the image.
    pub fn range(&self) -> &Range<usize> {
        &self.code
    }

    /// Range of the unwind tables in the code.
    pub fn eh_frame(&self) -> Option<Range<usize>> {
        self.eh_frame.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_not_read() {
        for bytes in [vec![], vec![0; 7], vec![0; 8], vec![0xff; 8], vec![0xff; 100]] {
            assert!(Image::read(OwnedBuffer::from_bytes(bytes)).is_none());
        }
    }
}
