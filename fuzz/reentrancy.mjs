// Calls every API with arguments that run code when they are converted, endless or for a number of steps:
// `node --expose-gc fuzz/reentrancy.mjs [steps] [seed]`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import loadWabt from 'wabt'

const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-reentrancy-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.env.WASM_RELINK_CACHE = join(folder, 'cache')

const require = createRequire(import.meta.url)
const relink = require('..')
const { random } = require('./random.cjs')
const { calls } = require('./reentrancy/calls.cjs')
const { texts } = require('./reentrancy/modules.cjs')
const { World } = require('./reentrancy/world.cjs')

const gc = globalThis.gc ?? fail('run node with --expose-gc')
const [most = Infinity, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)

function fail(message) {
  console.error(message)
  process.exit(2)
}

const wabt = await loadWabt()
const features = {
  reference_types: true,
  bulk_memory: true,
  mutable_globals: true,
  exceptions: true,
  multi_value: true,
  threads: true,
}
const binaries = Object.entries(texts).map(([name, text]) => [
  name,
  new Uint8Array(wabt.parseWat(`${name}.wat`, text, features).toBinary({ write_debug_names: true }).buffer),
])
const file = join(folder, 'owner.wasm')
writeFileSync(file, Object.fromEntries(binaries).owner)

const numbers = random(seed)
const world = new World({ relink, texts: Object.fromEntries(binaries), gc, random: numbers, file })
world.calls = calls
const names = Object.keys(calls)
for (let step = 1; step <= most; step++) {
  const name = numbers.pick(names)
  try {
    await world.call(name)
    if (step % 8 === 0) world.check()
  } catch (error) {
    console.error(`seed ${seed}, step ${step}, ${name}:`, error)
    process.exit(1)
  }
  if (step % 2000 === 0 || step === most) {
    const { instances, freed } = world.store.stats()
    console.log(`seed ${seed}: ${step} steps, ${instances} instances, ${freed.instances} freed in this store`)
  }
}
console.log(`never done: ${names.filter((name) => !world.done.has(name)).join(', ') || 'nothing'}`)
