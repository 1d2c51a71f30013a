import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of a Rust-built module: where this repository's set-up builds it, or where the package has it. */
export function modulePath(name) {
  const [built, packed] = [`../fixtures/target/modules/${name}.wasm`, `../fixtures/wasm/${name}.wasm`].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  return existsSync(built) ? built : packed
}
