//! A compiled module in one piece: machine code as it lies in memory, and what it takes to run it from there.
//!
//! wasmer's own form keeps each function apart; to load it is to put them all side by side, in memory of their own, and
//! to link them. Here this is done once, when the module is compiled. What is left are addresses that depend on where
//! the code lies, of which there is hardly ever one in a function. So functions can be run where the disk cache has
//! them.

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

/// Machine code begins at a multiple of this in an image, and wherever that lies, so that it can be mapped.
pub(in crate::engine) const PAGE: usize = 4096;
/// Of functions, as processors like it.
const FUNCTION: usize = 16;
/// Of what functions refer to.
const DATA: usize = 64;
/// Of numbers, and of what wasmer reads in place.
const NUMBERS: usize = 16;

/// So many bytes of code reach each other, also with what they refer to.
const MOST: usize = i32::MAX as usize;

/// Whether only wasmer can say how code is unwound on this system.
const UNWOUND_BY_WASMER: bool = cfg!(windows) || cfg!(all(target_os = "macos", target_arch = "aarch64"));

/// A compiled module.
pub(in crate::engine) struct Image {
    bytes: OwnedBuffer,
    head: Head,
}

/// What an image says of itself, at its end.
#[derive(Serialize, Deserialize)]
struct Head {
    code: CodeForm,
    /// What stack traces ask for (`frames`)
    frames: Range<usize>,
}

#[derive(Serialize, Deserialize)]
enum CodeForm {
    /// As it lies in memory
    Linked(Linked),
    /// In wasmer's own form, which only wasmer can load
    Serialized(Range<usize>),
}

/// Machine code that lies as in memory, and what else there is of a module.
#[derive(Serialize, Deserialize)]
pub(in crate::engine) struct Linked {
    /// All of it, and what it refers to
    code: Range<usize>,
    /// Where each function begins, then the trampolines into functions of each type, and those out to each import
    begins: Vec<u32>,
    /// How many of these are functions
    functions: usize,
    /// How many are trampolines into functions
    trampolines: usize,
    /// What unwinds them
    eh_frame: Option<Range<usize>>,
    /// Pairs of numbers: where in the code an address is to be written, and of what place in it
    addresses: Range<usize>,
    /// Where addresses of the engine's functions are to be written, and how far behind the function
    libcalls: Vec<(u32, LibCall, i64)>,
    /// What wasmer knows of the module, but for its active data segments
    metadata: Range<usize>,
    /// Its active data segments
    data: Vec<(DataInitializerLocation, Range<usize>)>,
}

/// Puts an image together.
struct ImageWriter(Vec<u8>);

impl ImageWriter {
    fn append(&mut self, bytes: &[u8], alignment: usize) -> Range<usize> {
        let begin = self.0.len().next_multiple_of(alignment);
        self.0.resize(begin, 0);
        self.0.extend_from_slice(bytes);
        begin..self.0.len()
    }
}

/// Makes an image of what a compiler has built. `frames` is what stack traces ask for.
///
/// # Errors
/// What wasmer says that it cannot serialize.
pub(in crate::engine) fn pack(build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    let placed = if UNWOUND_BY_WASMER { None } else { Placed::new(build) };
    if placed.as_ref().is_some_and(|placed| placed.code.len() > MOST) {
        return Err(format!("it has more than {MOST} bytes of machine code"));
    }
    pack_placed(placed, build, frames)
}

/// `pack` as it is where only wasmer knows how to load code.
#[cfg(test)]
pub(in crate::engine) fn pack_serialized(build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    pack_placed(None, build, frames)
}

fn pack_placed(placed: Option<Placed>, build: &ArtifactBuild, frames: &[u8]) -> Result<Vec<u8>, String> {
    let mut writer = ImageWriter(Vec::new());
    let code = match placed {
        Some(placed) => CodeForm::Linked(placed.write(build, &mut writer)?),
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

/// Code that has its place, and what is to be filled in.
struct Placed {
    code: Vec<u8>,
    begins: Vec<u32>,
    functions: usize,
    trampolines: usize,
    eh_frame: Option<Range<usize>>,
    addresses: Vec<[u32; 2]>,
    libcalls: Vec<(u32, LibCall, i64)>,
}

impl Placed {
    /// None if there is something that only wasmer knows how to link.
    fn new(build: &ArtifactBuild) -> Option<Self> {
        let functions = build.get_function_bodies_ref()?;
        let trampolines = build.get_function_call_trampolines_ref()?;
        let imports = build.get_dynamic_function_trampolines_ref()?;
        let sections = build.get_custom_sections_ref()?;
        let bodies = functions.values().chain(trampolines.values()).chain(imports.values());
        let mut writer = ImageWriter(Vec::new());
        let begins: Vec<usize> = bodies.map(|body| writer.append(&body.body, FUNCTION).start).collect();
        // What is run comes first, on pages of its own.
        let mut ranges: PrimaryMap<SectionIndex, Range<usize>> = repeat_n(0..0, sections.len()).collect();
        for (protection, alignment) in
            [(CustomSectionProtection::ReadExecute, FUNCTION), (CustomSectionProtection::Read, DATA)]
        {
            for (index, section) in sections.iter().filter(|(_, section)| section.protection == protection) {
                ranges[index] = writer.append(section.bytes.as_slice(), alignment);
            }
            writer.append(&[], PAGE);
        }

        let mut placed = Self {
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
                    (RelocationKind::Abs8, Ok(place)) => placed.addresses.push([at, (place as i64 + addend) as u32]),
                    (RelocationKind::Abs8, Err(libcall)) => placed.libcalls.push((at, libcall, *addend)),
                    // Both ends of these move together.
                    (RelocationKind::X86CallPCRel4 | RelocationKind::PCRel4 | RelocationKind::Arm64Call, _) => {}
                    _ => return None,
                }
            }
        }

        let base = placed.code.as_mut_ptr();
        let pointer = |place: usize| base.wrapping_add(place).cast_const();
        let function = |place: usize| FunctionBodyPtr(pointer(place).cast::<VMFunctionBody>());
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
        Some(placed)
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
    /// None if it is no image.
    pub fn read(bytes: OwnedBuffer) -> Option<Self> {
        let (rest, length) = bytes.split_last_chunk()?;
        let begin = rest.len().checked_sub(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let head = postcard::from_bytes(&rest[begin..]).ok()?;
        Some(Self { bytes, head })
    }

    /// What stack traces ask for.
    pub fn frames(&self) -> OwnedBuffer {
        self.part(&self.head.frames)
    }

    /// A part that outlives the image, which takes no more memory than it has: of a file, that takes none.
    fn part(&self, range: &Range<usize>) -> OwnedBuffer {
        let part = self.bytes.slice(range.clone());
        if part.is_mmapped() { part } else { OwnedBuffer::from_bytes(part.to_vec()) }
    }

    /// The code as it lies in memory, if it does.
    pub fn linked(&self) -> Option<&Linked> {
        match &self.head.code {
            CodeForm::Linked(linked) => Some(linked),
            CodeForm::Serialized(_) => None,
        }
    }

    /// wasmer's own form of the module, where `linked` is none.
    pub fn serialized(&self) -> OwnedBuffer {
        match &self.head.code {
            CodeForm::Linked(_) => OwnedBuffer::new(),
            CodeForm::Serialized(range) => self.bytes.slice(range.clone()),
        }
    }

    /// The machine code, without the addresses that are to be written into it.
    pub fn code(&self, linked: &Linked) -> &[u8] {
        &self.bytes[linked.code.clone()]
    }

    /// The active data segments.
    pub fn data(&self, linked: &Linked) -> Vec<(DataInitializerLocation, OwnedBuffer)> {
        linked.data.iter().map(|(location, range)| (location.clone(), self.part(range))).collect()
    }

    /// Writes all addresses into a copy of the code that is to be run from where it lies.
    pub fn fill_in(&self, linked: &Linked, code: &mut [u8]) {
        let base = code.as_ptr().expose_provenance() as u64;
        let mut write = |at: u32, address: u64| {
            code[at as usize..][..size_of::<u64>()].copy_from_slice(&address.to_le_bytes());
        };
        for pair in self.bytes[linked.addresses.clone()].as_chunks::<8>().0 {
            let [at, place] = [pair[..4].try_into(), pair[4..].try_into()]
                .map(|number| u32::from_le_bytes(number.expect("half of 8 bytes are 4")));
            write(at, base + u64::from(place));
        }
        for (at, libcall, addend) in &linked.libcalls {
            write(*at, (libcalls::function_pointer(*libcall) as u64).wrapping_add_signed(*addend));
        }
    }

    /// What wasmer loads where functions lie in memory already: what it knows of the module, and their addresses.
    pub fn object(&self, linked: &Linked, base: usize) -> OwnedBuffer {
        let metadata = &self.bytes[linked.metadata.clone()];
        let (functions, rest) = linked.begins.split_at(linked.functions);
        let (trampolines, imports) = rest.split_at(linked.trampolines);
        let numbers = linked.begins.len() + 3;
        let length = MetadataHeader::LEN + metadata.len() + numbers * size_of::<usize>();
        let mut object: Vec<u8> = Vec::with_capacity(length + MetadataHeader::ALIGN);
        // It is read in place.
        let begin = object.as_ptr().align_offset(MetadataHeader::ALIGN);
        object.resize(begin, 0);
        object.extend(MetadataHeader::new(metadata.len()).into_bytes());
        object.extend(metadata);
        for list in [functions, trampolines, imports] {
            object.extend(list.len().to_ne_bytes());
            object.extend(list.iter().flat_map(|place| (base + *place as usize).to_ne_bytes()));
        }
        OwnedBuffer::from_bytes(object).slice(begin..)
    }
}

impl Linked {
    /// Where in the image the code lies.
    pub fn range(&self) -> &Range<usize> {
        &self.code
    }

    /// Where in the code that lies which unwinds the functions.
    pub fn eh_frame(&self) -> Option<Range<usize>> {
        self.eh_frame.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::engine::alloc::reserve::Reserve;
    use crate::engine::alloc::tunables::StoreTunables;
    use crate::engine::code::loaded::{LoadedCode, PackedImage};
    use crate::engine::trace::function_names::FunctionNames;
    use crate::rewrite::Origins;
    use std::backtrace::{Backtrace, BacktraceStatus};

    #[test]
    fn what_is_no_image_is_not_read() {
        for bytes in [vec![], vec![0; 7], vec![0; 8], vec![0xff; 8], vec![0xff; 100]] {
            assert!(Image::read(OwnedBuffer::from_bytes(bytes)).is_none());
        }
    }

    #[test]
    fn code_that_does_not_load_is_not_unwound() {
        let bytes = wat::parse_str("(module (func (result i32) i32.const 1))").unwrap();
        let mut image = Compiler::Cranelift.image(&bytes, Reserve::available()).unwrap();
        let metadata = Image::read(OwnedBuffer::from_bytes(image.clone())).unwrap().linked().unwrap().metadata.clone();
        image[metadata].fill(0xff);
        let packed = PackedImage { image: OwnedBuffer::from_bytes(image), file: None };
        let names = FunctionNames::new(None, Origins::default());
        // SAFETY: wasmer checks what it reads of a module, and the code is as it was packed.
        let loaded =
            unsafe { LoadedCode::load(packed, StoreTunables::new(Vec::new(), Reserve::available()), 0, names) };
        assert!(loaded.is_err());
        // Whoever unwinds looks at all that is registered.
        assert_eq!(Backtrace::force_capture().status(), BacktraceStatus::Captured);
    }
}
