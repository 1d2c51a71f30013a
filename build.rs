//! Build script: sets up linking of the addon, and hashes the sources. The hash names the build, since a build must not run
//! cached code of another build.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    napi_build::setup();
    let mut sources = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    files(Path::new("src"), &mut sources);
    sources.sort();
    let mut hasher = DefaultHasher::new();
    for path in &sources {
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read(path).expect("a source can be read").hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=WASM_RELINK_BUILD={:016x}", hasher.finish());
}

/// Adds the files of a folder and its subfolders to `found`.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}
