// Measures the depth of calls between functions of two compilers, from JavaScript that has already used some of the stack.
// Prints [depth, trap] for each used share of the stack. Input: { bytes: base64, in: 'main' | resourceLimits }.
'use strict'

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { Instance, Module, link } = require(join(__dirname, '..', '..'))

/** Calls `run` from this depth in JavaScript. */
function below(depth, run) {
  return depth > 0 ? below(depth - 1, run) : run()
}

/** The depth that JavaScript can reach in this way. */
function room() {
  let [low, high] = [0, 1 << 20]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    try {
      below(middle, () => 0)
      low = middle
    } catch {
      high = middle
    }
  }
  return low
}

function depths(text) {
  const bytes = Buffer.from(text, 'base64')
  const a = new Instance(new Module(bytes), { m: { f: (x) => x } })
  const b = new Instance(new Module(bytes, { compiler: 'singlepass' }), { m: { f: a.exports.g } })
  link(b.exports.g, a.slot('m.f'))
  /** The trap of `g(depth)`, or none. */
  const trap = (depth) => {
    try {
      return void a.exports.g(depth)
    } catch (error) {
      return error.trap ?? String(error)
    }
  }
  return [0, 0.3, 0.6].map((share) =>
    below(Math.floor(room() * share), () => {
      let [low, high] = [0, 1 << 16]
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if (trap(middle) === undefined) low = middle
        else high = middle
      }
      return [low, trap(high)]
    }),
  )
}

if (isMainThread) {
  const input = JSON.parse(readFileSync(0, 'utf8'))
  if (input.in === 'main') console.log(JSON.stringify(depths(input.bytes)))
  else {
    const worker = new Worker(__filename, { workerData: input.bytes, resourceLimits: input.in })
    worker.on('message', (message) => console.log(JSON.stringify(message)))
  }
} else parentPort.postMessage(depths(workerData))
