use crate::engine::alloc::room::has_room;
use crate::engine::code::lazy_decoded::LazyDecoded;
use crate::engine::code::loaded::PackedImage;
use crate::engine::compile::compiled::CompileOptions;
use crate::engine::compile::compiler::LARGEST_FRAME;
use crate::error::{ErrorKind, Result};
use crate::rewrite::{
    Options, Rewritten, Selection, bare, check_declarations, check_limits, compare_branches, cut_chains,
    is_near_limits, modernize, outline_atomics, rewrite, spell_out_elements, tier_up_module,
};
use crate::wasm::{Binary, function_names, most_values, path};
use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;
use std::borrow::Cow;

/// How a module begins.
const MAGIC: &[u8] = b"\0asm";

/// So many bytes the compilers take for each of a module, at the most, and all of them by small allocations.
const TAKEN: usize = 32;

/// What is known of a compiled module besides its machine code: what the load-time pass found out. Goes into the disk
/// cache as it is, but for the details.
#[derive(Serialize, Deserialize)]
pub(in crate::engine) struct ModuleMetadata {
    /// The module as its author compiled it
    pub original: Binary,
    /// The same after the pass, without the bytes
    pub rewritten: Rewritten<'static>,
}

/// A compiled module, on its way to where it is run from.
pub(in crate::engine) struct Compiled {
    /// What is known of it
    pub parts: ModuleMetadata,
    /// What users are told of its functions, as `LazyDecoded` reads it
    pub details: OwnedBuffer,
    /// The custom sections of the original bytes, one behind the other
    pub custom: OwnedBuffer,
    /// Its machine code
    pub machine: PackedImage,
}

/// Room in a frame for what its calls pass and give, and for what the compiler keeps, in bytes: more than 1,000 of each.
const CALLS: usize = 64 << 10;

/// Whether `Compiled::new` would take the bytes. Compiles only what may have a frame that is too large.
///
/// # Errors
/// Those of `Compiled::new`.
pub fn check(bytes: &[u8], options: &CompileOptions) -> Result<()> {
    let binary = Binary::parse(bytes, options.compiler.features())?;
    if options.selection != Selection::None {
        check_declarations(&binary)?;
    }
    // Only the compiler knows how large a frame is. A small one needs no compile.
    if options.compiler.has_largest_frame() && most_values(bytes)? * size_of::<u64>() >= LARGEST_FRAME - CALLS {
        return compiled_image(bytes, &binary, options).map(drop);
    }
    if is_near_limits(bytes, &binary)? {
        prepare(bytes, &binary, options)?;
    }
    Ok(())
}

/// What the compiler is given of a module that `Binary::parse` accepted.
///
/// # Errors
/// What the load-time pass refuses.
fn prepare<'a>(bytes: &'a [u8], binary: &Binary, options: &CompileOptions) -> Result<Rewritten<'a>> {
    let CompileOptions { compiler, selection, tiers_up_from, .. } = options;
    let options = Options { selection: selection.clone(), ..tiers_up_from.unwrap_or(*compiler).pass() };
    let mut rewritten = rewrite(bytes, binary, &options)?;
    if tiers_up_from.is_some() {
        rewritten.bytes = tier_up_module(&rewritten.bytes, &mut rewritten.binary)?.into();
    }
    spell_out_elements(&mut rewritten)?;
    if compiler.wants_chains_cut() {
        cut_chains(&mut rewritten)?;
    }
    if binary.legacy_exceptions {
        rewritten.bytes = modernize(&rewritten.bytes, &rewritten.binary)?.into();
    }
    // Under `none`, offsets in stack traces are those of the author's file.
    if compiler.wants_comparisons()
        && *selection != Selection::None
        && let Cow::Owned(bytes) = compare_branches(&rewritten.bytes, &rewritten.binary)?
    {
        rewritten.bytes = bytes.into();
    }
    if compiler.wants_atomics_outlined() {
        outline_atomics(&mut rewritten)?;
    }
    if matches!(rewritten.bytes, Cow::Owned(_)) {
        check_limits(&rewritten.bytes, &rewritten.binary)?;
    }
    Ok(rewritten)
}

impl Compiled {
    /// Validates, runs the load-time pass and compiles.
    ///
    /// # Errors
    /// `Memory` where there is too little room to try, and what `Binary::parse`, `rewrite` and `Compiler::image` refuse.
    pub fn new(bytes: &[u8], options: &CompileOptions) -> Result<Self> {
        if bytes.starts_with(MAGIC) && !has_room(bytes.len().saturating_mul(TAKEN)) {
            let message =
                format!("there is no room to compile {} bytes, which takes {TAKEN} times as many", bytes.len());
            return Err(ErrorKind::Memory { message }.into());
        }
        let binary = Binary::parse(bytes, options.compiler.features())?;
        let (rewritten, image) = compiled_image(bytes, &binary, options)?;
        let image = OwnedBuffer::from_bytes(image);
        let sections = binary.custom_sections.iter().map(|(_, range)| &bytes[range.clone()]);
        let custom = OwnedBuffer::from_bytes(sections.collect::<Vec<_>>().concat());
        let parts = ModuleMetadata { original: binary, rewritten: rewritten.without_bytes() };
        Ok(Self::new_of(parts, custom, PackedImage { image, file: None }))
    }

    /// Of what is known of a module, and has just been found out.
    pub fn new_of(parts: ModuleMetadata, custom: OwnedBuffer, machine: PackedImage) -> Self {
        let details = LazyDecoded::bytes_of(&parts.rewritten.details);
        Self { parts, details, custom, machine }
    }
}

/// Runs the load-time pass over a valid module, and compiles what it gives.
fn compiled_image<'a>(bytes: &'a [u8], binary: &Binary, options: &CompileOptions) -> Result<(Rewritten<'a>, Vec<u8>)> {
    let rewritten = prepare(bytes, binary, options)?;
    let image = options.compiler.image(&bare(&rewritten.bytes)?, options.reserve);
    let named = |index| named(bytes, binary, rewritten.origins.of(index));
    let image = image.map_err(|refusal| refusal.into_error(named))?;
    Ok((rewritten, image))
}

/// A function of a module, for a message.
fn named(bytes: &[u8], binary: &Binary, index: u32) -> String {
    let names = binary.name_section(bytes).map(function_names).unwrap_or_default();
    match names.into_iter().find(|(each, _)| *each == index) {
        Some((_, name)) => format!("function {index}, \"{}\",", path(name)),
        None => format!("function {index}"),
    }
}
