import { fileURLToPath } from 'node:url'

/** The path of a Rust-built module of this repository. */
export const modulePath = (name) => fileURLToPath(new URL(`../fixtures/target/modules/${name}.wasm`, import.meta.url))
