//! `Compiled`: a compiled module before it is loaded, with its metadata.

use crate::engine::alloc::room::has_headroom_besides;
use crate::engine::code::lazy_decoded::LazyDecoded;
use crate::engine::code::loaded::PackedImage;
use crate::engine::compile::cancellation::Waiters;
use crate::engine::compile::choice::{CompilerChoice, may_exceed_frame};
use crate::engine::compile::compiler::{Compiler, CompilerRefusal, TAKEN, Validation};
use crate::engine::compile::options::CompileOptions;
use crate::engine::trace::author_offsets::AuthorOffsets;
use crate::error::{ErrorKind, Result};
use crate::rewrite::{
    Options, Rewritten, Selection, check_declarations, check_limits, compare_branches, cut_chains, is_near_limits,
    modernize, outline_atomics, replace_tail_calls, rewrite_while, spell_out_elements, strip_custom_sections,
    tier_up_module,
};
use crate::wasm::{Binary, function_names, path};
use serde::{Deserialize, Serialize};
use shared_buffer::OwnedBuffer;
use std::borrow::Cow;
use std::sync::Arc;

/// The first bytes of a module.
const MAGIC: &[u8] = b"\0asm";

/// Metadata of a compiled module: the results of the load-time pass. The disk cache holds it in this form, and the
/// details separately.
#[derive(Serialize, Deserialize)]
pub(in crate::engine) struct PassMetadata {
    /// The module as its author compiled it
    pub original: Binary,
    /// The compiler of the code: Singlepass if it has replaced Cranelift (`CompilerChoice`)
    pub compiler: Compiler,
    /// The module after the pass, without its bytes
    pub rewritten: Rewritten<'static>,
}

/// A compiled module that is not loaded yet.
pub(in crate::engine) struct Compiled {
    /// Metadata
    pub metadata: PassMetadata,
    /// Names and roles of its functions, encoded for `LazyDecoded<Details>`
    pub details: OwnedBuffer,
    /// Contents of the custom sections of the original module, concatenated
    pub custom: OwnedBuffer,
    /// Image with the machine code
    pub image: PackedImage,
}

/// Checks that `Compiled::new` would accept the bytes. Compiles them only if a frame may be too large for the compiler.
///
/// # Errors
/// The errors of `Compiled::new`.
pub fn check(bytes: &[u8], options: &CompileOptions) -> Result<()> {
    let binary = Binary::parse(bytes, options.compiler.features())?;
    if options.selection != Selection::None {
        check_declarations(&binary)?;
    }
    // Only the compiler knows how large a frame is. A small frame needs no compile.
    if options.compiler.has_largest_frame() && may_exceed_frame(bytes)? {
        return CompiledImage::new(bytes, &binary, options, &Arc::default()).map(drop);
    }
    if binary.tail_calls || is_near_limits(bytes, &binary)? {
        prepare(bytes, &binary, options, &Waiters::default())?;
    }
    Ok(())
}

/// The module as the compiler gets it, made from a module that `Binary::parse` accepted.
///
/// # Errors
/// The errors of the load-time pass, and of `Waiters::check` between its steps.
fn prepare<'a>(bytes: &'a [u8], binary: &Binary, options: &CompileOptions, waiters: &Waiters) -> Result<Rewritten<'a>> {
    let CompileOptions { compiler, selection, tiers_up_from, .. } = options;
    let options = Options { selection: selection.clone(), ..tiers_up_from.unwrap_or(*compiler).pass() };
    waiters.check()?;
    let mut rewritten = rewrite_while(bytes, binary, &options, &|| waiters.check())?;
    waiters.check()?;
    if tiers_up_from.is_some() {
        rewritten.bytes = tier_up_module(&rewritten.bytes, &mut rewritten.binary)?.into();
    }
    spell_out_elements(&mut rewritten)?;
    waiters.check()?;
    if compiler.wants_chains_cut() {
        cut_chains(&mut rewritten)?;
    }
    if binary.legacy_exceptions {
        modernize(&mut rewritten)?;
    }
    if binary.tail_calls {
        replace_tail_calls(&mut rewritten)?;
    }
    waiters.check()?;
    // With the selection `none`, code runs as its author compiled it.
    if compiler.wants_comparisons() && *selection != Selection::None {
        compare_branches(&mut rewritten)?;
    }
    waiters.check()?;
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
    /// `Memory` where there is too little room to try, and the errors of `Binary::parse`, `rewrite` and
    /// `Compiler::image`.
    pub fn new(bytes: &[u8], options: &CompileOptions, waiters: &Arc<Waiters>) -> Result<Self> {
        if bytes.starts_with(MAGIC) && !has_headroom_besides(bytes.len().saturating_mul(TAKEN)) {
            return Err(CompilerRefusal::Room(bytes.len()).into_error(|_| String::new()));
        }
        let binary = Binary::parse_while(bytes, options.compiler.features(), &|| waiters.check())?;
        let CompiledImage { rewritten, image, compiler } = CompiledImage::new(bytes, &binary, options, waiters)?;
        let image = OwnedBuffer::from_bytes(image);
        let sections = binary.custom_sections.iter().map(|(_, range)| &bytes[range.clone()]);
        let custom = OwnedBuffer::from_bytes(sections.collect::<Vec<_>>().concat());
        let metadata = PassMetadata { original: binary, compiler, rewritten: rewritten.without_bytes() };
        Ok(Self::new_of(metadata, custom, PackedImage { image, file: None }))
    }

    /// A newly compiled module. `metadata` must hold the details: metadata from the disk cache does not.
    pub fn new_of(metadata: PassMetadata, custom: OwnedBuffer, image: PackedImage) -> Self {
        let details = LazyDecoded::bytes_of(&metadata.rewritten.details);
        Self { metadata, details, custom, image }
    }
}

/// The output of the compiler for a module.
struct CompiledImage<'a> {
    /// The module that the compiler got
    rewritten: Rewritten<'a>,
    image: Vec<u8>,
    compiler: Compiler,
}

impl<'a> CompiledImage<'a> {
    /// Runs the load-time pass over a valid module, and compiles the result: with Singlepass if Cranelift would take
    /// too long.
    fn new(bytes: &'a [u8], binary: &Binary, options: &CompileOptions, waiters: &Arc<Waiters>) -> Result<Self> {
        let rewritten = prepare(bytes, binary, options, waiters)?;
        if options.compiler.needs_bound() {
            waiters.check()?;
            let CompilerChoice { compiler, .. } = CompilerChoice::new(bytes, binary, &rewritten)?;
            if compiler != options.compiler && options.tiers_up_from.is_some() {
                let message = "its tier-up would take cranelift too long".to_owned();
                return Err(ErrorKind::Compile { message }.into());
            }
            if compiler != options.compiler {
                let options = CompileOptions { compiler, ..options.clone() };
                // Cranelift compiles modules that Singlepass still refuses.
                if let Ok(image) =
                    Self::of(bytes, binary, prepare(bytes, binary, &options, waiters)?, &options, waiters)
                {
                    return Ok(image);
                }
            }
        }
        Self::of(bytes, binary, rewritten, options, waiters)
    }

    fn of(
        bytes: &[u8],
        binary: &Binary,
        rewritten: Rewritten<'a>,
        options: &CompileOptions,
        waiters: &Arc<Waiters>,
    ) -> Result<Self> {
        let validation =
            if matches!(rewritten.bytes, Cow::Borrowed(_)) { Validation::Done } else { Validation::Needed };
        waiters.check()?;
        let stripped = strip_custom_sections(&rewritten.bytes)?;
        let offsets = AuthorOffsets::new(bytes, &stripped, &rewritten.offsets)?;
        let image = options.compiler.image(&stripped, &offsets, validation, options.reserve, waiters);
        let named = |index| named(bytes, binary, rewritten.origins.of(index));
        let image = image.map_err(|refusal| refusal.into_error(named))?;
        Ok(Self { rewritten, image, compiler: options.compiler })
    }
}

/// A function of a module, described for an error message.
fn named(bytes: &[u8], binary: &Binary, index: u32) -> String {
    let names = binary.name_section(bytes).map(function_names).unwrap_or_default();
    match names.into_iter().find(|(each, _)| *each == index) {
        Some((_, name)) => format!("function {index}, \"{}\",", path(name)),
        None => format!("function {index}"),
    }
}
