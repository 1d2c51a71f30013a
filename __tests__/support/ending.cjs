'use strict'

// A program of interrupts.test.ts: node ending.cjs HOW FUNCTION COMPILER. A worker runs a function that never returns, and the main
// thread ends it.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const relink = require('../..')

const TEXT = `(module
  (import "env" "js" (func $js))
  (memory 32768)
  (func (export "spin") (call $js) (loop $again (br $again)))
  (func (export "fill") (call $js)
    (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x7fff0000)) (br $again)))
  (func $twice (export "recurse") (param i32) (call $js)
    (if (local.get 0)
      (then (call $twice (i32.sub (local.get 0) (i32.const 1))) (call $twice (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "callJs") (loop $again (call $js) (br $again))))`

/** The ways in which the main thread ends the worker. */
const ways = {
  async terminate(worker) {
    console.log('code', await worker.terminate())
  },
  exit: () => process.exit(7),
  uncaught: () => {
    process.on('uncaughtExceptionMonitor', (error) => console.log(error.message))
    throw new Error('uncaught')
  },
  unref: (worker) => worker.unref(),
  sigterm: () => onSignal('SIGTERM'),
  sigint: () => onSignal('SIGINT'),
  interrupt: (worker, posted) => after(worker, () => relink.Interrupter.from(posted).interrupt({ why: ['cloned'] })),
  abort(worker, posted) {
    const controller = new AbortController()
    relink.Interrupter.from(posted, { signal: controller.signal })
    return after(worker, () => controller.abort())
  },
}

function onSignal(signal) {
  process.on(signal, () => process.exit(9))
  process.kill(process.pid, signal)
}

/** The error of the worker's call, and the behaviour of its instance afterwards. */
async function after(worker, end) {
  const said = new Promise((resolve) => worker.once('message', resolve))
  end()
  console.log(...(await said))
}

async function main(how, name, compiler) {
  const wabt = await require('wabt')()
  const { buffer } = wabt.parseWat('test.wat', TEXT, { bulk_memory: true }).toBinary({})
  const worker = new Worker(__filename, { workerData: { buffer, name, compiler } })
  const posted = await new Promise((resolve) => worker.once('message', resolve))
  // Long enough for the worker to be in its loop.
  await new Promise((resolve) => setTimeout(resolve, 50))
  await ways[how](worker, posted)
}

function work({ buffer, name, compiler }) {
  const store = new relink.Store()
  const other = new relink.Store()
  let hasBegun = false
  const js = () => {
    if (!hasBegun) parentPort.postMessage(store.interrupter())
    hasBegun = true
  }
  const module = new relink.Module(buffer, { compiler })
  const { exports } = new relink.Instance(module, { env: { js } }, { store })
  try {
    exports[name](100)
  } catch ({ code, message, reason }) {
    exports.recurse(3)
    new relink.Instance(module, { env: { js } }, { store: other }).exports.recurse(3)
    parentPort.postMessage([code, message, JSON.stringify(reason), reason?.name])
  }
}

if (isMainThread) void main(...process.argv.slice(2))
else work(workerData)
