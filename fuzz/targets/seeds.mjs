// The first inputs of each target of libFuzzer.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const folders = [join(here, '..', '..', 'fixtures', 'wasm'), join(here, '..', 'target', 'modules')]

/** The modules of the fixtures, and those that the tests have generated, by name. */
function modules() {
  const files = folders.flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => [name, join(folder, name)])
    } catch (error) {
      if (error.code === 'ENOENT') return []
      throw error
    }
  })
  return files.filter(([name]) => name.endsWith('.wasm')).map(([name, path]) => [name, readFileSync(path)])
}

/** The custom sections of this name of all modules that Node's WebAssembly accepts. */
function sections(name) {
  return modules().flatMap(([file, bytes]) => {
    if (!WebAssembly.validate(bytes)) return []
    const contents = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), name)
    return contents.map((content) => [file, Buffer.from(content)])
  })
}

/** The lines of the records of all modules. */
const records = () =>
  sections('relink').flatMap(([file, content]) =>
    content
      .toString()
      .split('\n')
      .map((line) => line.replaceAll('\0', '').trim())
      .filter((line) => line !== '')
      .map((line, index) => [`${file}-${index}`, line]),
  )

const WORLD = `interface log { say: func(text: string); }
world plugin { import log; import now: func() -> u64; export run: func(name: list<tuple<u8, option<f64>>, 3>) -> string;
  export api: interface { variant v { a, b(s16) } flags f { x, y } get: func(v: v, f: f) -> result<u8, v>; } }`

/** A memory with a panic: words, by address, and a text. */
function panicked(words, [at, text]) {
  const memory = Buffer.alloc(0x400)
  for (const [address, word] of [[0x300, 0x310], [0x304, 10], [0x308, 7], [0x30c, 5], ...words]) {
    memory.writeUInt32LE(word, address)
  }
  memory.write('src/lib.rs\0', 0x310)
  memory.write(text, at, 'latin1')
  return memory
}

/** A file of the disk cache with parts of these lengths, unsealed. */
function entry(lengths) {
  const head = Buffer.alloc(120)
  head.write('wasm-relink\0\0\0\0\x04', 'latin1')
  lengths.forEach((length, index) => head.writeBigUInt64LE(BigInt(length), 80 + 8 * index))
  const before = 120 + lengths.slice(0, 4).reduce((sum, length) => sum + length, 0)
  return Buffer.concat([head, Buffer.alloc(Math.ceil(before / 4096) * 4096 - 120 + lengths[4], '{}')])
}

/** For each target, a function that makes its inputs: pairs of a name and the bytes. */
export const seeds = {
  rewrite: modules,
  transforms: modules,
  names: () => sections('name'),
  records: () => [...sections('relink'), ...records()],
  wit: () => [
    ['world', WORLD],
    ...records()
      .map(([name, line]) => [name, JSON.parse(line).wit])
      .filter(([, wit]) => wit !== undefined),
  ],
  manifest: () => [['manifest', readFileSync(join(folders[0], 'manifest.json'))]],
  panics: () => [
    [
      'literal',
      panicked(
        [
          [0x108, 0x300],
          [0x104, 0x120],
          [0x120, 0x320],
          [0x124, 9],
        ],
        [0x320, 'oh no'],
      ),
    ],
    [
      'pieces',
      panicked(
        [
          [0x108, 0x300],
          [0x104, 0x120],
          [0x120, 0x140],
          [0x124, 1],
          [0x128, 0x160],
          [0x12c, 1],
          [0x140, 0x320],
          [0x144, 5],
          [0x160, 0x170],
          [0x164, 0],
          [0x170, 42],
        ],
        [0x320, 'oh no'],
      ),
    ],
  ],
  entry: () => [
    ['empty', entry([0, 0, 0, 0, 0])],
    ['parts', entry([2, 30, 4, 5, 60])],
  ],
}
