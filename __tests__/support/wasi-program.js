// A program for Node's `node:wasi`, without its imports, `WASI` and `readFileSync`: it prints how each call ends.
/* global WASI, readFileSync */
const modules = JSON.parse(readFileSync('modules.json', 'utf8'))
const show = (label, call) => {
  try {
    const result = call()
    console.log(label, Array.isArray(result) ? result.join() : String(result))
  } catch (error) {
    console.log(
      label,
      'threw',
      error?.name ?? typeof error,
      error?.name === 'RuntimeError' ? error.message : error?.code,
    )
  }
}
const compiled = (name) => new WebAssembly.Module(Buffer.from(modules[name], 'base64'))
const make = (options = {}) => new WASI({ version: 'preview1', ...options })
const instance = (name, wasi) => new WebAssembly.Instance(compiled(name), wasi.getImportObject())
const started = (name, options) => {
  const wasi = make(options)
  return wasi.start(instance(name, wasi))
}
const initialized = (name) => {
  const wasi = make()
  return wasi.initialize(instance(name, wasi))
}

for (const name of Object.keys(modules)) {
  show(`start ${name}:`, () => started(name))
  // Node throws a symbol if `_initialize` exits.
  show(`initialize ${name}:`, () => initialized(name))
}

const twice = (first, second) => () => {
  const wasi = make()
  const [one, other] = ['command', 'reactor'].map((name) => instance(name, wasi))
  const call = (step) => (step === 'start' ? wasi.start(one) : wasi.initialize(other))
  try {
    call(first)
  } finally {
    show('then', () => call(second))
  }
}
for (const first of ['start', 'initialize']) {
  for (const second of ['start', 'initialize']) show(`${first} and ${second}:`, twice(first, second))
}
show('start after a trap:', () => {
  const wasi = make()
  show('the trap', () => wasi.start(instance('trap', wasi)))
  return wasi.start(instance('command', wasi))
})
for (const value of [undefined, null, 5, {}, { exports: null }, { exports: {} }]) {
  show(`start ${JSON.stringify(value)}:`, () => make().start(value))
}
show('an own _start:', () =>
  make().start({ exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start: () => 7 } }),
)
show('an own _start that throws:', () => {
  const _start = () => {
    throw new RangeError('own')
  }
  return make().start({ exports: { memory: new WebAssembly.Memory({ initial: 1 }), _start } })
})
show('a subclass:', () => {
  class Own extends WASI {
    start(given) {
      return `own ${super.start(given)}`
    }
  }
  const wasi = new Own({ version: 'preview1' })
  return wasi.start(instance('command', wasi))
})
show('copied imports:', () => {
  const wasi = make()
  const imports = { wasi_snapshot_preview1: { ...wasi.wasiImport } }
  return wasi.start(new WebAssembly.Instance(compiled('command'), imports))
})
show('arguments and variables:', () =>
  started('echo', { args: ['a', 'b c', 'ü', 1, null], env: { X: 'ä', Y: undefined } }),
)
show('without new:', () => WASI({ version: 'preview1' }))
show('functions:', () => Object.keys(make().wasiImport).sort())
show('unstable:', () => Object.keys(new WASI({ version: 'unstable' }).getImportObject()))
show('its own properties:', () => Object.keys(make()))
show('no options:', () => new WASI())
const options = [
  ...[null, {}, 'x'].map((args) => ({ args })),
  ...[null, [], 5].flatMap((value) => [{ env: value }, { preopens: value }]),
  ...[null, 'x', 1].map((returnOnExit) => ({ returnOnExit })),
  ...['x', -1, 1.5].flatMap((fd) => [{ stdin: fd }, { stdout: fd }, { stderr: fd }]),
  ...['preview2', '', null].map((version) => ({ version })),
  { args: undefined, env: undefined, preopens: undefined, stdin: undefined, returnOnExit: undefined },
]
for (const each of options) show(JSON.stringify(each), () => typeof make(each))
