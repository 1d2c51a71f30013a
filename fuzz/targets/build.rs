//! The name of the build, which the addon's own build script makes from its sources.

fn main() {
    println!("cargo:rustc-env=WASM_RELINK_BUILD=fuzz");
}
