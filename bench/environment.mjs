// The environment of a run: its machine and versions.
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { extismVersion } from './modules.mjs'

const root = (file) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

/** The machine. */
export const machine = () => ({
  cpu: os.cpus()[0].model.trim(),
  cores: os.availableParallelism(),
  memory: os.totalmem(),
  os: `${os.type()} ${os.release()} ${os.arch()}`,
})

/** The versions that were measured. */
export const versions = () => ({
  'wasm-relink': JSON.parse(root('package.json')).version,
  wasmer: /^name = "wasmer"\nversion = "(.*)"$/m.exec(root('Cargo.lock'))[1],
  node: process.versions.node,
  v8: process.versions.v8,
  extism: extismVersion(),
})

/** Machine and versions in a line. */
export const heading = ({ machine, versions }) =>
  `${machine.cpu} with ${machine.cores} cores and ${Math.round(machine.memory / 2 ** 30)} GiB, ${machine.os}, ` +
  `Node ${versions.node} (V8 ${versions.v8}), wasm-relink ${versions['wasm-relink']} on wasmer ${versions.wasmer} ` +
  `(Cranelift, where nothing else is said), Extism ${versions.extism}`
