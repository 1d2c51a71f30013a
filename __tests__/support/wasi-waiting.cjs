// Waits of WASI that have no end, and how each is ended. stdin is a pipe on which nothing comes.
const { Worker } = require('node:worker_threads')
const { Instance, Module, Store, Suspending, promising, withTimeout } = require('../..')
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

/** Its calls wait for a promise of the host before they sleep, for ever or for 4 ms, and the short one afterwards, too. */
const SUSPENDED = `(module
  (import "env" "pause" (func $pause))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\\01\\00\\00\\00") (data (i32.const 24) "\\00\\00\\00\\00\\00\\10\\00\\00")
  (data (i32.const 1016) "\\01\\00\\00\\00") (data (i32.const 1024) "\\00\\09\\3d\\00\\00\\00\\00\\00")
  (func (export "sleeping") (result i32)
    call $pause i32.const 0 i32.const 256 i32.const 1 i32.const 8192 call $poll)
  (func (export "short") (result i32)
    call $pause i32.const 1000 i32.const 256 i32.const 1 i32.const 8192 call $poll call $pause))`

const codeOf = (call) => {
  try {
    return `ended with ${call()}`
  } catch (error) {
    return error.code ?? String(error)
  }
}

const settled = (promise) =>
  promise.then(
    (value) => `ended with ${value}`,
    (error) => error.code ?? String(error),
  )

/** Waits of calls that an import has suspended before. */
async function suspended(wabt) {
  const module = new Module(wabt.parseWat('suspended.wat', SUSPENDED).toBinary({}).buffer)
  const imports = { env: { pause: new Suspending(() => new Promise((resolve) => setTimeout(resolve, 2))) } }
  const limited = new Instance(module, imports, { timeout: 200, wasi: {} })
  const [sleeping, short] = [promising(limited.exports.sleeping), promising(limited.exports.short)]
  const all = await Promise.all([short(), sleeping(), short()].map(settled))
  console.log(`suspended: ${all.join(', ')}: ${await settled(short())}`)
  const store = new Store()
  const { exports } = new Instance(module, imports, { store, wasi: {} })
  const other = interruptLater(store)
  console.log(`suspended and interrupted: ${await settled(promising(exports.sleeping)())}`)
  console.log(`afterwards: ${await settled(promising(exports.short)())}`)
  await other.terminate()
}

/** A worker that interrupts a store once its wasm has begun to wait. */
function interruptLater(store) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { Interrupter } = require(workerData)
     parentPort.once('message', (posted) => setTimeout(() => Interrupter.from(posted).interrupt('enough'), 50))`,
    { eval: true, workerData: require.resolve('../..') },
  )
  worker.postMessage(store.interrupter())
  return worker
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
  const other = interruptLater(store)
  console.log(`interrupted: ${codeOf(instance.exports.sleeping)}: ${instance.exports.usable()}`)
  await other.terminate()
  await suspended(wabt)
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
