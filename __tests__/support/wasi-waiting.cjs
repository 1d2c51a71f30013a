// Waits of WASI that have no end, and how each is ended. stdin is a pipe on which nothing comes.
const { Worker } = require('node:worker_threads')
const { Instance, Module, Store, withTimeout } = require('../..')
const { WASI } = require('../../wasi')
const loadWabt = require('wabt')

const TEXT = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\\01\\00\\00\\00") (data (i32.const 24) "\\00\\00\\00\\00\\00\\10\\00\\00")
  (data (i32.const 128) "\\00\\02\\00\\00\\40\\00\\00\\00")
  (func (export "sleeping") (result i32) i32.const 0 i32.const 256 i32.const 1 i32.const 8192 call $poll)
  (func (export "reading") (result i32) i32.const 0 i32.const 128 i32.const 1 i32.const 8192 call $read)
  (func (export "yielding") (result i32) (loop (br_if 0 (i32.eqz (call $yield)))) i32.const 1)
  (func (export "usable") (result i32) call $yield))`

const codeOf = (call) => {
  try {
    return `ended with ${call()}`
  } catch (error) {
    return error.code ?? String(error)
  }
}

async function main() {
  const wabt = await loadWabt()
  const bytes = wabt.parseWat('waiting.wat', TEXT).toBinary({}).buffer
  const module = new Module(bytes)
  const wasi = new WASI({ version: 'preview1' })
  const limited = new Instance(module, wasi.getImportObject(), { timeout: 30 })
  wasi.initialize(limited)
  for (const name of ['sleeping', 'reading', 'yielding']) {
    console.log(`${name}: ${codeOf(limited.exports[name])}: ${limited.exports.usable()}`)
  }
  const store = new Store()
  const instance = new Instance(module, {}, { store, wasi: {} })
  const other = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { Interrupter } = require(workerData)
     parentPort.once('message', (posted) => setTimeout(() => Interrupter.from(posted).interrupt('enough'), 50))`,
    { eval: true, workerData: require.resolve('../..') },
  )
  other.postMessage(store.interrupter())
  console.log(`interrupted: ${codeOf(instance.exports.sleeping)}: ${instance.exports.usable()}`)
  // Without WebAssembly on the stack, there is nothing to end: the call returns EINTR.
  console.log(`from JavaScript: ${withTimeout(30, () => wasi.wasiImport.poll_oneoff(0, 256, 1, 8192))}`)
  const sleeper = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { Instance, Module } = require(workerData.path)
     const { exports } = new Instance(new Module(workerData.bytes), {}, { wasi: { stdin: null } })
     parentPort.postMessage('ready')
     exports.sleeping()`,
    { eval: true, workerData: { path: require.resolve('../..'), bytes } },
  )
  sleeper.once('message', () => {
    setTimeout(async () => {
      console.log(`terminated: ${await sleeper.terminate()}`)
      process.exit()
    }, 50)
  })
}

void main()
