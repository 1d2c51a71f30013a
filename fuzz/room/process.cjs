// One process of `room.mjs`: takes all the room that it can get, in steps, and goes on where there is none.
'use strict'

const { execFileSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')

/** A generator of numbers below `limit`: the same seed, the same numbers (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

/** A module's bytes with a custom section of their own, so that nobody has compiled them before. */
function distinct(bytes, number) {
  const section = Buffer.from([0, 10, 4, 0x75, 0x6e, 0x69, 0x71, 0, 0, 0, 0, 0])
  section.writeUInt32LE(number, 7)
  return Buffer.concat([bytes, section])
}

/** Whether an error says that there is no room: an error of this package, of Node or of V8. */
function isRefusal(error) {
  return error.code === 'ERR_RELINK_MEMORY' || error instanceof RangeError || /out of memory/i.test(error.message)
}

/** The steps, by name. Each holds what it makes in `held`, takes a random number generator, and may be asynchronous. */
function stepsOf({ api, texts, compilers }) {
  const { Instance, Memory, Module, Store, Table, compile, link } = api
  const held = []
  /** The objects of stores of their own, which do not mix. */
  const apart = []
  const KIB = 1024
  const one = (random, list) => list[random(list.length)]
  const modules = new Map()
  let unique = 0
  const options = (random) => (compilers.length > 0 ? { compiler: one(random, compilers) } : undefined)
  const module = (random, name) => {
    const given = options(random)
    const key = `${name} ${given?.compiler}`
    if (!modules.has(key)) modules.set(key, new Module(texts[name], given))
    return modules.get(key)
  }
  const instance = (random, name, imports = {}) => {
    const made = new Instance(module(random, name), imports)
    held.push(made)
    return made
  }
  const any = (random) => held[random(Math.max(1, held.length))]
  const exportOf = (random, name) => any(random)?.exports?.[name]
  return {
    store: (random) => {
      const stackSize = one(random, [64, 128, 256, 1024, 4096, 16_384, 65_536]) * KIB
      const { exports } = new Instance(module(random, 'plain'), {}, Store && { store: new Store({ stackSize }) })
      apart.push(exports)
      exports.deep(one(random, [1, 100, 500]))
    },
    instances: (random) => {
      for (let count = 0; count < 20; count++) instance(random, 'plain').exports.add(1, 2)
    },
    memories: (random) => {
      const { exports } = instance(random, one(random, ['small', 'medium', 'large']))
      exports.touch(random(2 ** 16))
    },
    tables: (random) => instance(random, one(random, ['few', 'many'])).exports.size(),
    objects: (random) => {
      const [initial, maximum] = [one(random, [0, 1, 16, 256, 4096]), 16_384]
      const kind = random(3)
      if (kind === 0) held.push(new Memory({ initial, maximum }).buffer.byteLength && new Memory({ initial }))
      if (kind === 1) held.push(new Memory({ initial: initial % 257, maximum: 1024, shared: true }))
      if (kind === 2) held.push(new Table({ element: 'anyfunc', initial: initial * 64 }))
    },
    modules: (random) => {
      const name = one(random, ['plain', 'small', 'few', 'long'])
      held.push(new Module(distinct(texts[name], unique++), options(random)))
    },
    modulesLater: async (random) => {
      const all = Array.from({ length: 6 }, () => compile(distinct(texts.long, unique++), options(random)))
      for (const { status, reason } of await Promise.allSettled(all)) {
        if (status === 'rejected') throw reason
      }
    },
    map: (random) => {
      const count = one(random, [10, 1000, 20_000])
      const add = exportOf(random, 'add')
      add?.map?.(new Int32Array(count), new Int32Array(count))
    },
    links: (random) => {
      const from = exportOf(random, 'add')
      const slot = any(random)?.slots?.['env.add']
      if (slot && from) link(random(4) ? from : (a, b) => a - b, slot)
    },
    importers: (random) => {
      const add = random(2) ? (exportOf(random, 'add') ?? Math.max) : (a, b) => a + b
      instance(random, 'importer', { env: { add } }).exports.twice(1)
    },
    growth: (random) => {
      const memory = exportOf(random, 'memory')
      const table = exportOf(random, 'table')
      exportOf(random, 'grow')?.(one(random, [1, 16, 200]))
      memory?.grow(one(random, [0, 1, 16, 200]))
      void memory?.buffer
      table?.grow(one(random, [1, 1000, 100_000]))
    },
    nested: (random) => {
      let depth = one(random, [1, 5, 40])
      const { exports } = instance(random, 'importer', { env: { add: (a) => (depth-- > 0 ? exports.twice(a) : a) } })
      exports.twice(1)
    },
    traps: (random) => {
      const { exports } = instance(random, 'plain')
      try {
        if (random(2)) exports.deep(2 ** 30)
        else exports.trap()
      } catch (error) {
        // A trap, or no room: both are expected.
        if (error.name !== 'RuntimeError' && !(error instanceof RangeError)) throw error
      }
    },
    drop: (random) => {
      const [gone] = held.splice(random(Math.max(1, held.length)), 1 + random(20))
      gone?.close?.()
      if (random(4) === 0) apart.pop()
    },
    javascript: (random) => {
      held.push(Array.from({ length: random(2000) }, (_, index) => ({ index })))
      if (held.length > 3000) held.splice(0, 1000)
    },
  }
}

async function run({ seed, steps, names, decoded: texts, compilers, engine, leave }) {
  const api = engine === 'v8' ? { ...WebAssembly, ...namesOf(WebAssembly) } : require(engine)
  const all = stepsOf({ api, texts, compilers: engine === 'v8' ? [] : compilers })
  const random = randomOf(seed)
  if (leave !== undefined) leaveOnly(leave)
  const counts = { done: 0, refused: 0 }
  for (let step = 0; step < steps; step++) {
    const name = names[random(names.length)]
    if (process.env.ROOM_TRACE) process._rawDebug(step, name)
    try {
      await all[name](random)
      counts.done++
    } catch (error) {
      if (!isRefusal(error)) return { ...counts, unexpected: `${name}: ${error.stack} (${error.code})` }
      counts.refused++
    }
  }
  return counts
}

/** Limits the address space of this process to what it has and some mebibytes. */
function leaveOnly(mebibytes) {
  const kibibytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
  execFileSync('prlimit', ['--pid', process.pid, `--as=${(kibibytes + mebibytes * 1024) * 1024}`])
}

const namesOf = (namespace) =>
  Object.fromEntries(Object.getOwnPropertyNames(namespace).map((name) => [name, namespace[name]]))

/** Starts workers that do the same. V8 ends the process if it has no room for one, so they start first. */
async function startWorkers(given) {
  const all = Array.from({ length: given.workers ?? 0 }, (_, index) => {
    return new Worker(__filename, { workerData: { ...given, seed: given.seed + index + 1, leave: undefined } })
  })
  const next = (worker) => new Promise((resolve) => worker.once('message', resolve))
  await Promise.all(all.map(next))
  return () => {
    const ends = all.map(next)
    all.forEach((worker) => worker.postMessage('go'))
    return Promise.all(ends)
  }
}

async function runAll(given) {
  const go = await startWorkers(given)
  const [counts, others] = await Promise.all([run(given), go()])
  for (const { done, refused, unexpected } of others) {
    counts.done += done
    counts.refused += refused
    counts.unexpected ??= unexpected
  }
  console.log(JSON.stringify(counts))
}

const given = isMainThread ? JSON.parse(readFileSync(0, 'utf8')) : workerData
const texts = Object.entries(given.texts).map(([name, text]) => [name, Buffer.from(text, 'base64')])
if (isMainThread) {
  void runAll({ ...given, decoded: Object.fromEntries(texts) })
} else {
  parentPort.once('message', () => {
    void run({ ...given, decoded: Object.fromEntries(texts) }).then((counts) => parentPort.postMessage(counts))
  })
  parentPort.postMessage('ready')
}
