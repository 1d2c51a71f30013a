// Glue like wasm-bindgen's, and its calls after the plugin was closed: from finalizers, timers and promises.
//
//   node --expose-gc late.cjs PACKAGE MODULE TASK END [LATE_CALLS]
const fs = require('node:fs')
const { Worker, isMainThread, workerData } = require('node:worker_threads')
const timers = require('node:timers/promises')

const [home, file, task, end, lateCalls] = isMainThread ? process.argv.slice(2) : workerData
const { Instance, Module, Store, link } = require(home)

const turn = () => new Promise((resolve) => void setImmediate(resolve))
const options = lateCalls === undefined ? undefined : { lateCalls }

/** wasm-bindgen's glue for `#[wasm_bindgen] struct Counter`, for a closure that goes to `setTimeout`, and for a future. */
function load() {
  const store = new Store()
  const instance = new Instance(new Module(fs.readFileSync(file)), { wbg: imports() }, { store })
  const wasm = instance.exports

  const CounterFinalization = new FinalizationRegistry((ptr) => wasm.__wbg_counter_free(ptr >>> 0, 1))
  class Counter {
    constructor() {
      this.__wbg_ptr = wasm.counter_new() >>> 0
      CounterFinalization.register(this, this.__wbg_ptr, this)
    }
  }

  const CLOSURE_DTORS = new FinalizationRegistry((state) => {
    wasm.__wbindgen_export_3.get(state.dtor)(state.a, state.b)
  })
  function makeMutClosure(arg0, arg1, dtor, f) {
    const state = { a: arg0, b: arg1, cnt: 1, dtor }
    const real = (...args) => {
      state.cnt++
      const a = state.a
      state.a = 0
      try {
        return f(a, state.b, ...args)
      } finally {
        if (--state.cnt === 0) {
          wasm.__wbindgen_export_3.get(state.dtor)(a, state.b)
          CLOSURE_DTORS.unregister(state)
        } else {
          state.a = a
        }
      }
    }
    real.original = state
    CLOSURE_DTORS.register(real, state, state)
    return real
  }
  const closure = () => makeMutClosure(8, 16, 1, (arg0, arg1) => wasm.__wbindgen_export_5(arg0, arg1))

  function imports() {
    return {
      set_timeout: () => void setTimeout(closure(), 1),
      then_seven: () => void Promise.resolve(7).then(closure()),
      after_io: () => void fs.promises.stat(file).then(closure()),
      closure: () => void closure(),
    }
  }
  const finish = () => {
    if (end === 'close') instance.close(options)
    else if (end === 'using') instance[Symbol.dispose]()
    else if (end === 'store.close') store.close(options)
    else if (end !== 'drop') throw new Error(`no such end: ${end}`)
  }
  return { Counter, wasm, instance, finish, store, keep: [CounterFinalization, CLOSURE_DTORS] }
}

/** Lets V8 collect, and call the finalizers in a task of its own. */
async function finalize() {
  for (let round = 0; round < 10; round++) {
    await turn()
    gc()
    await timers.setTimeout(1)
  }
}

const tasks = {
  /** Objects and closures that are garbage when the plugin ends. */
  async finalizers() {
    const plugin = load()
    for (let count = 0; count < 100; count++) void new plugin.Counter()
    for (let count = 0; count < 100; count++) plugin.wasm.start_closure()
    plugin.finish()
    await finalize()
    return end === 'drop' ? plugin.wasm.freed() : plugin.keep.length
  },

  /** Everything that a finalizer may use: it is called once, and throws nothing. */
  async everything() {
    const { wasm, instance, finish, keep, store } = load()
    const other = new Instance(
      new Module(fs.readFileSync(file)),
      { wbg: { set_timeout() {}, then_seven() {}, after_io() {}, closure() {} } },
      { store },
    )
    const slot = instance.slot('freed')
    const change = link(() => 5, slot)
    const second = link(() => 6, slot)
    const { __wbindgen_export_3: table, memory, counter } = wasm
    let seen
    const registry = new FinalizationRegistry(() => {
      seen = [
        wasm.freed(),
        wasm.long(),
        wasm.two(),
        wasm.reference(),
        memory.grow(1),
        memory.buffer.byteLength,
        table.get(1)(2, 3),
        table.set(0, null),
        table.grow(1),
        table.length,
        counter.value,
        (counter.value = 3),
        slot.linked,
        slot.current(),
        slot.reset(),
        change.previous,
        second.undo(),
        change.undo(),
        end === 'close' ? other.exports.freed() : 0,
      ]
    })
    const register = () => registry.register({}, 0)
    register()
    finish()
    await finalize()
    void keep
    // Outside of the finalizer, it still throws.
    for (const use of [() => memory.buffer, () => table.get(1), () => counter.value, () => slot.linked]) {
      try {
        seen.push(use())
      } catch ({ code }) {
        seen.push(code)
      }
    }
    return JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? `${value}n` : (value ?? null)))
  },

  async timer() {
    const { wasm, finish } = load()
    wasm.start_timeout()
    finish()
    await timers.setTimeout(20)
    return wasm.called()
  },
  async promise() {
    const { wasm, finish } = load()
    wasm.start_promise()
    finish()
    await timers.setTimeout(20)
    return wasm.called()
  },
  async io() {
    const { wasm, finish } = load()
    wasm.start_io()
    finish()
    await timers.setTimeout(50)
    return wasm.called()
  },

  /** Everywhere else, where it can be caught, an error is thrown. */
  async caught() {
    const { wasm, finish } = load()
    finish()
    const codes = new Set()
    let count = 0
    const use = () => {
      for (const each of [() => wasm.freed(), () => wasm.__wbindgen_export_3.get(1), () => wasm.memory.buffer]) {
        try {
          codes.add(each())
        } catch ({ code }) {
          codes.add(code)
          count++
        }
      }
    }
    use()
    await turn()
    use()
    queueMicrotask(use)
    process.nextTick(use)
    setTimeout(use)
    setImmediate(use)
    fs.stat(file, use)
    await fs.promises.stat(file)
    use()
    await fs.promises.readFile(file)
    use()
    await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    use()
    await import('node:os')
    use()
    const { port1, port2 } = new MessageChannel()
    port1.once('message', use)
    port2.postMessage(0)
    await timers.setTimeout(20)
    use()
    port1.close()
    // Also after a finalizer.
    const registry = new FinalizationRegistry(() => void Promise.resolve().then(use))
    const register = () => registry.register({}, 0)
    register()
    await finalize()
    await fs.promises.stat(file)
    use()
    return `${count} ${[...codes]}`
  },
}

async function main() {
  // The package is loaded late, or while promise hooks are active.
  console.log(String(await tasks[task]()))
}

if (isMainThread && process.env.IN_WORKER === '1') {
  const thread = new Worker(__filename, { workerData: process.argv.slice(2) })
  thread.on('error', (error) => {
    throw error
  })
} else {
  void main()
}
