//! `LoadedCode`: machine code that can be run, mapped from the disk cache where possible.

use crate::engine::alloc::tunables::StoreTunables;
use crate::engine::code::image::{Image, Linked};
use crate::engine::code::ranges::LoadedRange;
use crate::engine::trace::frames::Registration;
use crate::engine::trace::function_names::FunctionNames;
use memmap2::{Mmap, MmapOptions};
use shared_buffer::OwnedBuffer;
use std::fs::File;
use std::io;
use std::sync::Arc;
use wasmer::sys::Artifact;
use wasmer::sys::vm::VMOffsets;
use wasmer_compiler::{ArtifactCreate, CodeMemory, Engine};
use wasmer_types::{DataInitializer, DataInitializerLike, DataInitializerLocation};

/// An image, and its position in a file if it is mapped from one.
pub(in crate::engine) struct PackedImage {
    pub image: OwnedBuffer,
    pub file: Option<InFile>,
}

/// The position of an image in a file.
pub(in crate::engine) struct InFile {
    pub file: File,
    /// Offset of the image in the file, in bytes
    pub offset: u64,
}

/// Machine code that can be run, with wasmer's artifact for it.
///
/// Neither wasmer's `Module` nor its instances keep code alive: each thing that runs the code holds this.
pub(in crate::engine) struct LoadedCode {
    // Fields drop in order: signal handlers and stack traces stop finding the code before it is unmapped.
    _range: LoadedRange,
    frames: Registration,
    artifact: Artifact,
    /// None if the engine holds the code
    linked: Option<ExecutableCode>,
    _engine: Engine,
    tunables: StoreTunables,
    instance_size: usize,
}

/// Linked code in executable memory.
struct ExecutableCode {
    // Drops first: the unwinder forgets the code before it is unmapped.
    _unwinding: Option<CodeMemory>,
    code: Mmap,
    /// Active data segments of the module
    data: Vec<(DataInitializerLocation, OwnedBuffer)>,
}

impl LoadedCode {
    /// Loads a compiled module. `first` is the number of its imported functions, which its own functions follow.
    ///
    /// # Errors
    /// The message of the system or of wasmer.
    ///
    /// # Safety
    /// This very build has packed the image, on a processor like this one, and the image does not change.
    pub unsafe fn load(
        packed: PackedImage,
        tunables: StoreTunables,
        first: u32,
        names: Arc<FunctionNames>,
    ) -> Result<Self, String> {
        let image = Image::read(packed.image).ok_or("it is no image")?;
        let engine = Engine::headless();
        // SAFETY: the caller promises that the image, and so its file, does not change.
        let linked =
            image.linked().map(|linked| unsafe { ExecutableCode::new(&image, linked, packed.file) }).transpose()?;
        let artifact = match linked.as_ref().zip(image.linked()) {
            Some((ExecutableCode { code, .. }, linked)) => {
                let object = image.object(linked, code.as_ptr().expose_provenance());
                // SAFETY: `object` gives addresses of functions in `code`, which this struct drops after the artifact.
                unsafe { Artifact::deserialize_object(&engine, object) }
            }
            // SAFETY: the caller promises that this very build has packed the image.
            None => unsafe { Artifact::deserialize_unchecked(&engine, image.serialized()) },
        };
        let artifact = artifact.map_err(|error| error.to_string())?;
        let functions = artifact.finished_functions().values().map(|function| function.0.addr()).collect();
        let frames = Registration::new(image.frames(), functions, first, names);
        let (begin, length) = match &linked {
            Some(ExecutableCode { code, .. }) => (code.as_ptr().addr(), code.len()),
            None => frames.range(),
        };
        let range = LoadedRange::new(begin, length);
        let offsets = VMOffsets::new(size_of::<usize>() as u8, artifact.module_info());
        let instance_size = offsets.size_of_vmctx() as usize;
        Ok(Self { _range: range, frames, artifact, linked, _engine: engine, tunables, instance_size })
    }

    /// Whether its functions have this address.
    pub fn has(&self, address: usize) -> bool {
        let (begin, length) = self.frames.range();
        (begin..begin + length).contains(&address)
    }

    /// The artifact that wasmer instantiates.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Active data segments: the initial contents of an instance's memories.
    pub fn data(&self) -> Vec<DataInitializer<'_>> {
        match &self.linked {
            Some(ExecutableCode { data, .. }) => {
                let all = data.iter();
                all.map(|(location, data)| DataInitializer { location: location.clone(), data }).collect()
            }
            None => {
                let all = self.artifact.data_initializers();
                all.map(|data| DataInitializer { location: data.location().clone_to_plain(), data: data.data() })
                    .collect()
            }
        }
    }

    /// Size of an instance's `VMContext` in bytes.
    pub fn instance_size(&self) -> usize {
        self.instance_size
    }

    /// Number of copies of the module in memory: wasmer keeps its serialized form beside the code that it runs.
    pub fn copies(&self) -> usize {
        if self.linked.is_some() { 1 } else { 2 }
    }

    /// How it makes memories and tables.
    pub fn tunables(&self) -> &StoreTunables {
        &self.tunables
    }
}

impl ExecutableCode {
    /// # Safety
    /// The file does not change.
    unsafe fn new(image: &Image, linked: &Linked, file: Option<InFile>) -> Result<Self, String> {
        // SAFETY: the caller promises that the file does not change.
        let code = unsafe { executable(image, linked, file) }.map_err(|error| error.to_string())?;
        let unwinding = linked.eh_frame().map(|range| unwinding(&code[range])).transpose()?;
        Ok(Self { _unwinding: unwinding, code, data: image.data(linked) })
    }
}

/// Makes machine code executable. Maps the file where it can: addresses are written into private copies of their pages,
/// and processes share all others. Copies the code where there is no file, or the system does not let it be executed
/// from there.
///
/// # Safety
/// The file does not change.
unsafe fn executable(image: &Image, linked: &Linked, file: Option<InFile>) -> io::Result<Mmap> {
    let code = image.code(linked);
    if cfg!(target_os = "linux")
        && let Some(InFile { file, offset }) = file
    {
        let begin = offset + linked.range().start as u64;
        // SAFETY: the caller promises that the file does not change.
        let mapped = unsafe { MmapOptions::new().offset(begin).len(code.len()).map_copy(&file) };
        let mapped = mapped.and_then(|mut memory| {
            image.fill_in(linked, &mut memory);
            memory.make_exec()
        });
        if mapped.is_ok() {
            return mapped;
        }
    }
    let mut memory = MmapOptions::new().len(code.len()).map_anon()?;
    memory.copy_from_slice(code);
    image.fill_in(linked, &mut memory);
    memory.make_exec()
}

/// Registers unwind tables for code, until the result is dropped. The code must outlive it.
#[cfg_attr(all(target_os = "macos", target_arch = "aarch64"), expect(unused, reason = "wasmer loads the code there"))]
fn unwinding(eh_frame: &[u8]) -> Result<CodeMemory, String> {
    let mut memory = CodeMemory::new();
    #[cfg(not(all(target_os = "macos", target_arch = "aarch64")))]
    memory.unwind_registry_mut().publish_eh_frame(Some(eh_frame))?;
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::code::image::PAGE;
    use crate::engine::compile::compiler::Validation;
    use crate::engine::trace::author_offsets::AuthorOffsets;
    use crate::engine::{Compiler, Reserve};
    use crate::rewrite::Origins;
    use std::backtrace::{Backtrace, BacktraceStatus};
    use std::env::temp_dir;
    use std::io::{Seek, Write};
    use std::{fs, process};

    fn image_of(bytes: &[u8]) -> Vec<u8> {
        let (offsets, waiters) = (AuthorOffsets::default(), std::sync::Arc::default());
        Compiler::Cranelift.image(bytes, &offsets, Validation::Needed, Reserve::available(), &waiters).unwrap()
    }

    /// Loads a module of two functions, with an image that claims to be in `file`. Returns the functions' addresses.
    fn loaded(file: File, offset: u64) -> (LoadedCode, Vec<usize>) {
        let bytes = wat::parse_str("(module (func (result i32) i32.const 1) (func (result i32) call 0))").unwrap();
        let image = OwnedBuffer::from_bytes(image_of(&bytes));
        let packed = PackedImage { image, file: Some(InFile { file, offset }) };
        let names = FunctionNames::new(None, Origins::default());
        // SAFETY: this process has just packed the image, and only this test writes the file.
        let code = unsafe { LoadedCode::load(packed, StoreTunables::new(Vec::new(), Reserve::available()), 0, names) }
            .unwrap();
        let addresses = code.artifact.finished_functions().values().map(|function| function.0.addr()).collect();
        (code, addresses)
    }

    #[test]
    fn code_in_a_file_is_run_from_there() {
        let bytes = wat::parse_str("(module (func (result i32) i32.const 1) (func (result i32) call 0))").unwrap();
        let image = image_of(&bytes);
        let path = temp_dir().join(format!("wasm-relink-machine-{}", process::id()));
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        file.seek(io::SeekFrom::Start(PAGE as u64)).unwrap();
        file.write_all(&image).unwrap();
        let (code, addresses) = loaded(file, PAGE as u64);
        let maps = fs::read_to_string("/proc/self/maps");
        fs::remove_file(&path).unwrap();
        // Only Linux has this list, and only Linux maps code from files.
        for line in maps.iter().flat_map(|maps| maps.lines()).filter(|line| line.contains(path.to_str().unwrap())) {
            let (begin, rest) = line.split_once('-').unwrap();
            let end = rest.split_once(' ').unwrap().0;
            let [begin, end] = [begin, end].map(|address| usize::from_str_radix(address, 16).unwrap());
            assert!(line.contains("r-xp") && addresses.iter().all(|address| (begin..end).contains(address)), "{line}");
        }
        assert!(maps.is_err() || maps.unwrap().contains(path.to_str().unwrap()));
        drop(code);
    }

    #[test]
    fn where_a_file_cannot_be_mapped_its_code_is_copied() {
        let path = temp_dir().join(format!("wasm-relink-machine-write-{}", process::id()));
        let (code, addresses) = loaded(File::create(&path).unwrap(), 0);
        fs::remove_file(&path).unwrap();
        assert_eq!(addresses.len(), 2);
        drop(code);
    }

    #[test]
    fn code_that_does_not_load_is_not_unwound() {
        let bytes = wat::parse_str("(module (func (result i32) i32.const 1))").unwrap();
        let mut image = image_of(&bytes);
        let metadata = Image::read(OwnedBuffer::from_bytes(image.clone())).unwrap().linked().unwrap().metadata.clone();
        image[metadata].fill(0xff);
        let packed = PackedImage { image: OwnedBuffer::from_bytes(image), file: None };
        let names = FunctionNames::new(None, Origins::default());
        // SAFETY: wasmer validates metadata as it reads it, and the code is as it was packed.
        let loaded =
            unsafe { LoadedCode::load(packed, StoreTunables::new(Vec::new(), Reserve::available()), 0, names) };
        assert!(loaded.is_err());
        // Unwinding visits all registered tables, so it would touch a table that is still registered.
        assert_eq!(Backtrace::force_capture().status(), BacktraceStatus::Captured);
    }
}
