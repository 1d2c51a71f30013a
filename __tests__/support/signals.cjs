'use strict'

// A program of signals.test.ts: node signals.cjs SCENARIO FIRST SECOND. FIRST and SECOND are two copies of the package, which are
// loaded in this order. `library-first:PATH` and `library-last:PATH` load an addon before and after them; with `worker-` before
// it, all happens in a worker.

const { isMainThread, Worker } = require('node:worker_threads')

const [scenario, first, second] = process.argv.slice(2)
const [, when, library] = /^(?:worker-)?library-(first|last):(.*)$/.exec(scenario) ?? []

const TEXT = `(module
  (memory 1)
  (func $spin (export "spin") (param i32) (result i32) (loop $again (br_if $again (local.get 0))) (i32.const 7))
  (func (export "trap") (result i32) unreachable)
  (func (export "outside") (result i32) (i32.load (i32.const -4))))`

const codeOf = (run) => {
  try {
    return run()
  } catch ({ code, timeout, trap, message }) {
    return [code ?? message, timeout ?? trap].filter(Boolean).join(' ')
  }
}

async function main() {
  if (when === 'first') require(library)
  const wabt = await require('wabt')()
  const bytes = wabt.parseWat('test.wat', TEXT, {}).toBinary({}).buffer
  const theirs = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
  const ours = [first, second].filter(Boolean).map((folder) => {
    const { Instance, Module, Store } = require(folder)
    return new Instance(new Module(bytes), {}, { store: new Store({ timeout: 20 }) }).exports
  })
  const round = () => {
    for (const { spin, trap, outside } of ours) {
      console.log(
        codeOf(() => spin(1)),
        codeOf(() => spin(0)),
        codeOf(trap),
        codeOf(outside),
      )
    }
    console.log(codeOf(theirs.trap), codeOf(theirs.outside))
  }
  round()
  if (when === 'last') require(library)
  if (scenario === 'SIGUSR2') {
    // A handler alone keeps no process alive.
    const alive = setInterval(() => {}, 1000)
    await new Promise((resolve) => {
      process.on('SIGUSR2', resolve)
      process.kill(process.pid, 'SIGUSR2')
    })
    clearInterval(alive)
    console.log('SIGUSR2')
  }
  if (scenario === 'profile') {
    const { Session } = require('node:inspector/promises')
    const session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 100 })
    await session.post('Profiler.start')
    for (let count = 0; count < 5; count++) round()
    const { profile } = await session.post('Profiler.stop')
    console.log('profile', profile.samples.length > 0)
  }
  round()
}

if (isMainThread && scenario.startsWith('worker-')) new Worker(__filename, { argv: process.argv.slice(2) })
else void main()
