// Calls functions of all shapes at each of the last depths before the end of the stack, on the main thread and in a worker.
// Prints the outcomes for each thread: `{ shape: { outcome: times } }`. Input: { compiler, shapes: { name: [base64, last] } },
// where `last` is the number of depths to try.
'use strict'

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { Instance, Module, Store } = require(join(__dirname, '..', '..'))

/** The outcome of a call: `ok`, a trap, or another error. */
function outcome(run) {
  try {
    run()
    return 'ok'
  } catch (error) {
    return error.trap ?? String(error)
  }
}

/** `shallow(n)` recurses n times; `deep(n)` does the same, and then calls the function of the shape. */
function tried({ shallow, deep }, last) {
  let [low, high] = [1, 1 << 18]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (outcome(() => shallow(middle)) === 'ok') low = middle
    else high = middle
  }
  const outcomes = {}
  for (let depth = low - last; depth <= low + 2; depth++) {
    const came = outcome(() => deep(depth))
    outcomes[came] = (outcomes[came] ?? 0) + 1
  }
  return outcomes
}

function all({ compiler, shapes }) {
  const store = new Store({ stackSize: 128 * 1024 })
  const imports = { env: { f() {} } }
  return Object.fromEntries(
    Object.entries(shapes).map(([shape, [bytes, last]]) => {
      const module = new Module(Buffer.from(bytes, 'base64'), { compiler })
      return [shape, tried(new Instance(module, imports, { store }).exports, last)]
    }),
  )
}

if (isMainThread) {
  const input = JSON.parse(readFileSync(0, 'utf8'))
  const main = all(input)
  const worker = new Worker(__filename, { workerData: input })
  worker.on('message', (inWorker) => console.log(JSON.stringify([main, inWorker])))
} else parentPort.postMessage(all(workerData))
