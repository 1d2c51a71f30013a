import { fileURLToPath } from 'node:url'

/** The path of a Rust-built module of this repository. */
export const modulePath = (name) => fileURLToPath(new URL(`../fixtures/wasm/${name}.wasm`, import.meta.url))
