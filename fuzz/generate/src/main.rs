//! Generates WebAssembly modules by number: the same number gives the same module.
//!
//!   generate DIRECTORY FIRST COUNT
//!
//! Module 12 of profile `tables` is the file `12-tables.wasm`.

mod finish;
mod profile;
mod random;

use arbitrary::Unstructured;
use profile::Profile;
use random::Random;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use wasm_smith::Module;

/// Number of random bytes from which wasm-smith makes a module: enough for the largest one, since zeros add nothing.
const CHOICES: usize = 1 << 16;

/// Number of steps that a module may take before it traps. The driver resets the global before each call.
const FUEL: u32 = 1000;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let numbers = |first: &str, count: &str| Some((first.parse::<u64>().ok()?, count.parse::<u64>().ok()?));
    let [directory, first, count] = given.as_slice() else { return usage() };
    let Some((first, count)) = numbers(first, count) else { return usage() };
    for seed in first..first.saturating_add(count) {
        if let Err(error) = write(Path::new(directory), seed) {
            eprintln!("generate: module {seed}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: generate DIRECTORY FIRST COUNT");
    ExitCode::from(2)
}

fn write(directory: &Path, seed: u64) -> Result<(), Box<dyn Error>> {
    let profile = Profile::of(seed);
    let bytes = module(seed, profile)?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join(format!("{seed}-{}.wasm", profile.name())), bytes)?;
    Ok(())
}

fn module(seed: u64, profile: Profile) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut random = Random::new(seed);
    loop {
        let config = profile.config(&mut random);
        let choices = random.bytes(CHOICES);
        // Some random bytes give no module.
        let Ok(mut module) = Module::new(config, &mut Unstructured::new(&choices)) else { continue };
        let fuel = module.ensure_termination(FUEL)?;
        // Modules that import tags are skipped: JavaScript cannot make a tag that all engines accept.
        if let Some(bytes) = finish::finish(&module.to_bytes(), fuel, &mut random)? {
            return Ok(bytes);
        }
    }
}
