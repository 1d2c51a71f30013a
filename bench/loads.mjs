// The time from a file to the first answer of a plugin, each in a process of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modulePath } from '../examples/modules.mjs'
import { modules } from './modules.mjs'
import { timed } from './rows.mjs'
import { task } from './task.mjs'

/** A cheap export of each module, without parameters. */
const ANSWERS = {
  pricing: 'alloc',
  '@dprint/json': 'dprint_plugin_version_4',
  '@prisma/prisma-schema-wasm': '__wbindgen_start',
  '@swc/wasm': '__wbindgen_add_to_stack_pointer',
}

const NOTE =
  'Each load is a process of its own, which has required what it needs before. `disk cache`: a process before ' +
  'it has loaded the same file (Cranelift). The others compile: V8 and, over it, Extism do so lazily.'

/** The tables of loads. */
export function loads({ quick, say }) {
  const pricing = { name: 'pricing', file: modulePath('pricing'), bytes: readFileSync(modulePath('pricing')) }
  const rows = [pricing, ...modules()].map(({ name, file, bytes }) => {
    const size = bytes.length < 1e5 ? `${Math.round(bytes.length / 1e3)} KB` : `${(bytes.length / 1e6).toFixed(1)} MB`
    say(`${name}, ${size}`)
    const work = { file, answer: ANSWERS[name], imports: functions(bytes) }
    const rounds = quick ? 1 : bytes.length > 1e7 ? 5 : 11
    const measured = { 'disk cache': [], Cranelift: [], Singlepass: [], V8: [], Extism: [] }
    for (let round = 0; round < rounds; round++) {
      for (const [way, time] of Object.entries(once(work))) measured[way].push(time)
    }
    return { ...timed(`\`${name}\``, measured, ['V8']), labels: { size } }
  })
  return [{ title: 'From a file to the first answer', note: NOTE, rows }]
}

/** Measures each way once, with empty disk caches at the start. */
function once(work) {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-relink-bench-'))
  const run = (engine, cache = 'off') =>
    task('loads-task.mjs', [JSON.stringify({ engine, ...work })], { env: { WASM_RELINK_CACHE: cache } })
  try {
    const cache = join(folder, 'cranelift')
    return {
      Cranelift: run('cranelift', cache),
      'disk cache': run('cranelift', cache),
      Singlepass: run('singlepass', join(folder, 'singlepass')),
      V8: run('V8'),
      Extism: run('Extism'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The functions that a module imports: the module name and the field name of each. */
const functions = (bytes) =>
  WebAssembly.Module.imports(new WebAssembly.Module(bytes))
    .filter(({ kind }) => kind === 'function')
    .map(({ module, name }) => [module, name])
