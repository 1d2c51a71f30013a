//! `Code`: a compiled module that is loaded and can be instantiated.

use crate::engine::alloc::free_list::ObjectIndices;
use crate::engine::alloc::instance_allocator::InstanceAllocator;
use crate::engine::alloc::quota::{Quota, Resource};
use crate::engine::alloc::reserve::Reserve;
use crate::engine::alloc::room::has_headroom_besides;
use crate::engine::alloc::shared_memory::SharedBytes;
use crate::engine::alloc::trim::note_gone;
use crate::engine::alloc::tunables::StoreTunables;
use crate::engine::code::lazy_decoded::LazyDecoded;
use crate::engine::code::loaded::LoadedCode;
use crate::engine::compile::compiler::Compiler;
use crate::engine::compile::pipeline::{Compiled, PassMetadata};
#[cfg(test)]
use crate::engine::trace::author_offsets::AuthorOffsets;
use crate::engine::trace::function_names::FunctionNames;
use crate::error::{ErrorKind, Result};
use crate::rewrite::{Details, Forwarder, ModuleEntry, ModuleSlot, Rewritten, TailCalls};
use crate::wasm::{Binary, ExternKind, ExternType, PAGE_SIZE};
use rustc_hash::FxHashMap;
use shared_buffer::OwnedBuffer;
use std::collections::{BTreeSet, HashSet};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::Tunables;
use wasmer::sys::vm::{StoreObjects, VMExtern, VMInstance};
use wasmer_compiler::InstantiationError;
use wasmer_types::{DataInitializer, LocalMemoryIndex, LocalTableIndex};

/// A compiled module: its loaded code and its metadata. Immutable, shared by threads. Instances do not keep their code
/// alive: each thing that runs it holds this.
pub struct Code {
    /// The compiler of the machine code: functions of different compilers cannot call each other
    pub compiler: Compiler,
    /// Hash of the module's bytes as they were compiled
    pub hash: [u8; 32],
    /// Address space that its memories reserve; its code relies on no more than that
    pub reserve: Reserve,
    /// The module as it was loaded, after the pass
    pub binary: Binary,
    /// The module as its author compiled it
    pub original: Binary,
    /// Its slots, the declared ones first
    pub slots: Vec<ModuleSlot>,
    /// The forwarders: functions that are in tables instead of imports
    pub forwarders: Vec<Forwarder>,
    /// The imported tables whose entries code may read and put elsewhere
    pub read_tables: Vec<u32>,
    /// The imported tables into which code writes references, by table index
    pub written_tables: Vec<u32>,
    /// The imported globals into which code writes references, counted among the imported globals
    pub written_globals: Vec<u32>,
    /// The global that is the module's stack pointer, if it has one
    pub stack_pointer: Option<u32>,
    /// What it needs of its store for tail calls, if it has any
    pub tail_calls: Option<TailCalls>,
    /// Whether the Rust types of a declared slot have pointers
    pub declares_pointers: bool,
    /// Size of the compiled module in memory, in bytes
    pub size: usize,
    /// Names and contents of the original custom sections, in order
    pub custom_sections: Vec<(String, OwnedBuffer)>,
    details: LazyDecoded<Details>,
    names: Arc<FunctionNames>,
    /// Slot index by the function index of its thunk
    thunks: FxHashMap<u32, u32>,
    /// Slot index by the entries of exported tables that belong to it: primary, direct and thunk entries
    slot_entries: FxHashMap<ModuleEntry, u32>,
    tables_with_slots: BTreeSet<u32>,
    loaded: LoadedCode,
}

/// The result of `Code::allocate`.
pub struct Allocated {
    /// wasmer's instance
    pub instance: Result<VMInstance, InstantiationError>,
    /// Indices of all objects that were made, also if the instance failed half-way
    pub made: ObjectIndices,
    /// Indices that are still free
    pub free: ObjectIndices,
    /// Whether the instance failed because the system refused the address space of a full memory
    pub lacks_addresses: bool,
}

impl Drop for Code {
    fn drop(&mut self) {
        note_gone(self.size);
    }
}

impl Code {
    /// Validates, runs the load-time pass and compiles. Takes about a second for a few megabytes.
    ///
    /// # Errors
    /// The errors of `Binary::parse`, `rewrite` and `Compiler::image`.
    #[cfg(test)]
    pub fn compile(bytes: &[u8], compiler: Compiler, selection: &crate::rewrite::Selection) -> Result<Arc<Self>> {
        let compiled = Compiled::new(
            bytes,
            &crate::engine::CompileOptions {
                selection: selection.clone(),
                ..crate::engine::CompileOptions::plain(compiler)
            },
            &Arc::default(),
        )?;
        // SAFETY: this process has just packed the image, which is in memory.
        unsafe { Self::assemble(compiled, [0; 32], Reserve::available()) }
    }

    /// Loads a compiled module.
    ///
    /// # Errors
    /// `Memory` where there is no room for it, `Compile` if the machine code does not load.
    ///
    /// # Safety
    /// The contract of `LoadedCode::load`.
    pub(in crate::engine) unsafe fn assemble(
        compiled: Compiled,
        hash: [u8; 32],
        reserve: Reserve,
    ) -> Result<Arc<Self>> {
        let Compiled { metadata, details, custom, image } = compiled;
        let size = image.image.len();
        if !has_headroom_besides(size.saturating_mul(2)) {
            let message = format!("there is no room for the {size} bytes of a compiled module");
            return Err(ErrorKind::Memory { message }.into());
        }
        let PassMetadata { original, compiler, rewritten } = metadata;
        let (stack_pointer, tail_calls) = (rewritten.stack_pointer, rewritten.tail_calls.clone());
        let mut declared = rewritten.slots.iter().filter_map(|slot| slot.declaration.as_ref());
        let declares_pointers = declared.any(|declaration| declaration.types.has_pointers());
        let Rewritten { binary, slots, forwarders, origins, read_tables, written_tables, written_globals, .. } =
            rewritten;
        let sections = original.custom_sections.iter().scan(0, |begin, (name, range)| {
            let section = *begin..*begin + range.len();
            *begin = section.end;
            Some((name.clone(), custom.slice(section)))
        });
        let custom_sections: Vec<_> = sections.collect();
        let names = FunctionNames::new(name_section(&custom_sections).cloned(), origins);
        let indexed = || (0..).zip(&slots);
        let thunks = indexed().filter_map(|(index, slot)| Some((slot.thunk?, index))).collect();
        let exported: HashSet<u32> = binary.exports_of(ExternKind::Table).collect();
        let slot_entries = |(index, slot): (u32, &ModuleSlot)| {
            let entries: Vec<_> =
                slot.direct_entries.iter().chain(&slot.thunk_entries).chain([&slot.primary_entry]).copied().collect();
            entries.into_iter().map(move |entry| (entry, index))
        };
        let slot_entries = indexed().flat_map(slot_entries).filter(|(entry, _)| exported.contains(&entry.table));
        let slot_entries: FxHashMap<_, _> = slot_entries.collect();
        let tables_with_slots = slot_entries.keys().map(|entry| entry.table).collect();

        let tables = binary.tables[binary.imported_tables as usize..].iter().map(|table| table.limits).collect();
        let first = binary.imported_functions;
        // SAFETY: the caller upholds the contract of `LoadedCode::load`, which is this function's.
        let loaded = unsafe { LoadedCode::load(image, StoreTunables::new(tables, reserve), first, names.clone()) }
            .map_err(|message| ErrorKind::Compile {
                message: format!("the compiled module does not load: {message}"),
            })?;
        Ok(Arc::new(Self {
            compiler,
            hash,
            reserve,
            binary,
            original,
            slots,
            forwarders,
            read_tables,
            written_tables,
            written_globals,
            stack_pointer,
            tail_calls,
            declares_pointers,
            size: size * loaded.copies(),
            details: LazyDecoded::new(details),
            names,
            thunks,
            slot_entries,
            tables_with_slots,
            custom_sections,
            loaded,
        }))
    }

    /// Compiles without the load-time pass, so that tests can show the difference that it makes.
    #[cfg(test)]
    pub fn compile_as_it_is(bytes: &[u8], compiler: Compiler) -> Result<Arc<Self>> {
        use crate::engine::compile::compiler::Validation;
        Self::assemble_image(
            compiler
                .image(bytes, &AuthorOffsets::default(), Validation::Needed, Reserve::available(), &Arc::default())
                .map_err(Self::unnamed)?,
            bytes,
            compiler,
        )
    }

    /// `compile_as_it_is` with the image in wasmer's own form, as on systems where only wasmer can load code.
    #[cfg(test)]
    pub fn compile_serialized(bytes: &[u8], compiler: Compiler) -> Result<Arc<Self>> {
        use crate::engine::code::image::pack_serialized;
        use crate::engine::compile::compiler::Validation;
        Self::assemble_image(
            compiler
                .packed_by(
                    pack_serialized,
                    bytes,
                    &AuthorOffsets::default(),
                    Validation::Needed,
                    Reserve::available(),
                    &Arc::default(),
                )
                .map_err(Self::unnamed)?,
            bytes,
            compiler,
        )
    }

    /// The error of a module without names.
    #[cfg(test)]
    fn unnamed(refusal: crate::engine::compile::compiler::CompilerRefusal) -> crate::error::Error {
        refusal.into_error(|index| format!("function {index}"))
    }

    #[cfg(test)]
    fn assemble_image(image: Vec<u8>, bytes: &[u8], compiler: Compiler) -> Result<Arc<Self>> {
        let binary = Binary::parse(bytes, compiler.features())?;
        let original = Binary { custom_sections: Vec::new(), ..binary.clone() };
        let metadata =
            PassMetadata { original, compiler, rewritten: Rewritten::unchanged(bytes, binary).without_bytes() };
        let image = crate::engine::code::loaded::PackedImage { image: OwnedBuffer::from_bytes(image), file: None };
        let compiled = Compiled::new_of(metadata, OwnedBuffer::new(), image);
        // SAFETY: the image of these tests was packed by this process and is in memory.
        unsafe { Self::assemble(compiled, [0; 32], Reserve::available()) }
    }

    /// The index of the dispatch table, if the pass adds one: after the tables of the original, private to the module.
    pub fn dispatch_table(&self) -> u32 {
        self.original.tables.len() as u32
    }

    /// Names and roles of its functions, for users.
    pub fn details(&self) -> &Details {
        self.details.get()
    }

    /// The id of the code, as in the trace of a trap.
    pub fn id(&self) -> usize {
        self.names.id()
    }

    /// The author's name of a function, if it has one.
    pub fn function_name(&self, index: u32) -> Option<&str> {
        self.names.name(index)
    }

    /// The index of a function in the original module.
    pub fn original_index(&self, index: u32) -> u32 {
        self.names.original_index(index)
    }

    /// The slot whose thunk function `index` is.
    pub fn slot_of_thunk(&self, index: u32) -> Option<u32> {
        self.thunks.get(&index).copied()
    }

    /// The slot to which an entry of an exported table belongs.
    pub fn slot_at(&self, entry: ModuleEntry) -> Option<u32> {
        self.slot_entries.get(&entry).copied()
    }

    /// The exported tables with entries that belong to slots.
    pub fn tables_with_slots(&self) -> &BTreeSet<u32> {
        &self.tables_with_slots
    }

    /// The content of the name section.
    pub fn name_section(&self) -> Option<&[u8]> {
        name_section(&self.custom_sections).map(OwnedBuffer::as_slice)
    }

    /// Active data segments: the initial contents of an instance's memories.
    pub fn data(&self) -> Vec<DataInitializer<'_>> {
        self.loaded.data()
    }

    /// Size of an instance in bytes, without its memories and tables.
    pub fn instance_size(&self) -> usize {
        self.loaded.instance_size()
    }

    /// Whether its functions have this address of machine code.
    pub fn has(&self, address: usize) -> bool {
        self.loaded.has(address)
    }

    /// Makes an instance, but runs none of its code. Its objects take indices of `free` before new ones; `shared` are the
    /// bytes for the shared memories that the module defines. Memories and tables are charged to `quota`.
    ///
    /// # Safety
    /// `imports` fit the imports of the module. `objects` and this code outlive the instance.
    pub unsafe fn allocate(
        &self,
        imports: &[VMExtern],
        objects: &mut StoreObjects,
        free: ObjectIndices,
        shared: Vec<Rc<dyn SharedBytes>>,
        quota: &Arc<Quota>,
    ) -> Allocated {
        let allocator = InstanceAllocator::new(self.loaded.tunables(), quota, self.own_tables(), free, shared);
        // SAFETY: by the contract of this function.
        let instance = unsafe { self.loaded.artifact().instantiate(&allocator, imports, objects) };
        let lacks_addresses = allocator.lacks_addresses();
        let (free, made) = allocator.into_lists();
        Allocated { instance, made, free, lacks_addresses }
    }

    /// The initial size of the memories and tables that an instance defines: bytes, and entries of the author's tables.
    pub fn initial_sizes(&self) -> [(Resource, u64); 2] {
        let binary = &self.binary;
        let memories = binary.memories.iter().skip(binary.imported_memories()).map(|memory| match memory {
            ExternType::Memory { limits, .. } => limits.minimum.saturating_mul(PAGE_SIZE as u64),
            _ => 0,
        });
        let tables = self.original.tables.iter().skip(self.original.imported_tables as usize);
        let entries = tables.map(|table| table.limits.minimum);
        [
            (Resource::MemorySize, memories.fold(0, u64::saturating_add)),
            (Resource::TableElements, entries.fold(0, u64::saturating_add)),
        ]
    }

    /// Number of tables of the author's module that an instance defines. The load-time pass adds others after them.
    pub fn own_tables(&self) -> usize {
        self.original.tables.len() - self.original.imported_tables as usize
    }

    /// Makes memories and tables for a live instance as `allocate` made them, at the indices `places` and with the same
    /// definitions: `places` has all memories that the instance defines, and its first tables. They are charged to `quota`.
    ///
    /// # Errors
    /// The message, if there is no room; then some of them are made.
    ///
    /// # Safety
    /// The instance is of this code. None of its code runs, and the objects that had these definitions were taken out.
    pub unsafe fn renew(
        &self,
        instance: &VMInstance,
        objects: &mut StoreObjects,
        places: ObjectIndices,
        quota: &Arc<Quota>,
    ) -> std::result::Result<(), String> {
        let (context, offsets, module) = (instance.vmctx_ptr().cast::<u8>(), instance.vmoffsets(), instance.module());
        let at = |offset: u32| context.wrapping_add(offset as usize);
        let memories = (0..places.memories.len() as u32).map(LocalMemoryIndex::from_u32);
        let memories = memories.filter_map(|index| NonNull::new(at(offsets.vmctx_vmmemory_definition(index)).cast()));
        let tables = (0..places.tables.len() as u32).map(LocalTableIndex::from_u32);
        let tables = tables.filter_map(|index| NonNull::new(at(offsets.vmctx_vmtable_definition(index)).cast()));
        let (memories, tables): (Vec<_>, Vec<_>) = (memories.collect(), tables.collect());
        // The allocator takes the last index first.
        let ObjectIndices { memories: mut memory_places, tables: mut table_places, globals } = places;
        memory_places.reverse();
        table_places.reverse();
        let places = ObjectIndices { memories: memory_places, tables: table_places, globals };
        let tunables = self.loaded.tunables();
        let memory_styles = module.memories.values().map(|ty| tunables.memory_style(ty)).collect();
        let table_styles = module.tables.values().map(|ty| tunables.table_style(ty)).collect();
        let allocator = InstanceAllocator::new(tunables, quota, self.own_tables(), places, Vec::new());
        // SAFETY: the definitions lie in the context of the instance, which outlives its objects.
        unsafe {
            let memories = allocator.create_memories(objects, module, &memory_styles, &memories);
            drop(memories.map_err(|error| error.to_string())?);
            let tables = allocator.create_tables(objects, module, &table_styles, &tables);
            tables.map(drop).map_err(|error| error.to_string())
        }
    }
}

/// The content of the name section among custom sections.
fn name_section(sections: &[(String, OwnedBuffer)]) -> Option<&OwnedBuffer> {
    sections.iter().find(|(name, _)| name == "name").map(|(_, content)| content)
}
