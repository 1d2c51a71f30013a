'use strict'

// A program of deadlines.test.ts: node short-instructions.cjs COMPILER. It runs loops in which nearly all time is spent in the
// host's functions for instructions, each until a deadline, then in a worker that is terminated.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const relink = require('../..')

const TEXT = `(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table $imported 300 externref))
  (table $own 300 funcref)
  (table $values 300 externref)
  (func $f)
  (elem declare func $f)
  (data $data "")
  (func (export "fill one") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 1)) (br 0)))
  (func (export "fill") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 4000)) (br 0)))
  (func (export "copy") (loop (memory.copy (i32.const 0) (i32.const 8192) (i32.const 4000)) (br 0)))
  (func (export "init") (loop (memory.init $data (i32.const 0) (i32.const 0) (i32.const 0)) (br 0)))
  (func (export "size") (loop (drop (memory.size)) (br 0)))
  (func (export "grow") (loop (drop (memory.grow (i32.const 0))) (br 0)))
  (func (export "table.fill") (loop (table.fill $own (i32.const 0) (ref.null func) (i32.const 250)) (br 0)))
  (func (export "table.size") (loop (drop (table.size $imported)) (br 0)))
  (func (export "table.get") (loop (drop (table.get $imported (i32.const 0))) (br 0)))
  (func (export "table.set") (loop (table.set $imported (i32.const 0) (ref.null extern)) (br 0)))
  (func (export "own table.get") (loop (drop (table.get $own (i32.const 0))) (br 0)))
  (func (export "own table.set") (loop (table.set $own (i32.const 0) (ref.func $f)) (br 0)))
  (func (export "table.grow") (loop (drop (table.grow $values (ref.null extern) (i32.const 1))) (br 0))))`

function instantiate({ bytes, compiler }) {
  const store = new relink.Store({ limits: { tableElements: 2000 } })
  const table = new relink.Table({ element: 'externref', initial: 300 }, null, { store })
  const memory = new relink.Memory({ initial: 1 }, { store })
  return new relink.Instance(new relink.Module(bytes, { compiler }), { env: { memory, table } }, { store }).exports
}

async function main(compiler) {
  const wabt = await require('wabt')()
  const features = { bulk_memory: true, reference_types: true }
  const parsed = wabt.parseWat('test.wat', TEXT, features)
  parsed.resolveNames()
  const bytes = parsed.toBinary({}).buffer
  const exports = instantiate({ bytes, compiler })
  for (const name of Object.keys(exports)) {
    const codes = new Set()
    for (let round = 0; round < 10; round++) {
      try {
        relink.withTimeout(2, exports[name])
      } catch ({ code }) {
        codes.add(code)
      }
    }
    console.log(name, ...codes)
  }
  for (const name of ['fill', 'table.fill', 'table.size']) {
    const worker = new Worker(__filename, { workerData: { bytes, compiler, name } })
    await new Promise((resolve) => worker.once('message', resolve))
    console.log(name, await worker.terminate())
  }
}

if (isMainThread) void main(process.argv[2])
else {
  const exports = instantiate(workerData)
  parentPort.postMessage('begins')
  exports[workerData.name]()
}
