// Starts of commands for `bench/wasi.mjs`: prints the nanoseconds from a file to the exit code, by engine and round.
//
//   node --expose-gc --no-warnings bench/wasi-task.mjs ROUNDS FILE …
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { WASI } from 'node:wasi'
import { load } from 'wasm-relink'
import { inRounds } from './rounds.mjs'

const [rounds, ...files] = process.argv.slice(2)
const options = { args: ['wasi_command', 'one', 'two'], stdout: openSync('/dev/null', 'w') }

/** Starts another file at each call, so that code in memory does not answer for the cache on disk. */
function each(start) {
  let next = 0
  return async () => {
    const code = await start(files[next++])
    if (code !== 2) throw new Error(`the exit code is ${code}`) // the number of arguments
  }
}

const variants = {
  'wasm-relink': each(async (file) => (await load(file, {}, { wasi: options })).start()),
  Node: each(async (file) => {
    const system = new WASI({ version: 'preview1', ...options })
    const { instance } = await WebAssembly.instantiate(await readFile(file), system.getImportObject())
    return system.start(instance)
  }),
}
const samples = files.length / Number(rounds)
console.log(JSON.stringify(await inRounds(variants, { rounds: Number(rounds), samples, prepare: globalThis.gc })))
