// Work of a host of plugins, next to V8 and to Extism's SDK, which runs plugins on V8: calls, and swaps of one plugin for
// another.
import { readFileSync } from 'node:fs'
import * as relink from 'wasm-relink'
import { modulePath } from '../examples/modules.mjs'
import { beside } from './beside.mjs'
import { fresh } from './fresh.mjs'
import { extism } from './modules.mjs'
import { answering, flipping, flippingForExtism } from './wat.mjs'

/** Number of calls in a run: Extism keeps the bytes of each call until it is reset. */
const CALLS = 1000
const SIZE = 64

const NOTE =
  'Extism runs in this process, and its `call` is asynchronous. Bytes go into a plugin and come out as each has it: ' +
  'for Extism by `call(name, bytes)`, for the others by the memory of the plugin, of which the answer is a copy.'

/** A plugin, with the calls that are measured. */
const ENGINES = {
  'wasm-relink': (bytes, imports) => own(relink, bytes, imports, { compiler: 'cranelift' }),
  Singlepass: (bytes, imports) => own(relink, bytes, imports, { compiler: 'singlepass' }),
  V8: (bytes, imports) => own(WebAssembly, bytes, imports),
  async Extism(bytes, functions) {
    const plugin = await extism().createPlugin({ wasm: [{ data: bytes }] }, { functions })
    return { call: (name) => plugin.call(name), close: () => plugin.close() }
  },
}

function own({ Module, Instance }, bytes, imports, options) {
  const instance = new Instance(new Module(bytes, options), imports)
  return { call: (name) => instance.exports[name](), close: () => instance.close?.() }
}

/** The row of calls without arguments. */
async function calling() {
  const inProcess = ({ Module, Instance }) => {
    const { answer } = new Instance(new Module(answering)).exports
    return { run: () => repeat(answer), calls: CALLS }
  }
  const plugin = await extism().createPlugin({ wasm: [{ data: answering }] })
  const run = async () => {
    for (let call = 0; call < CALLS; call++) await plugin.call('answer')
  }
  return { 'wasm-relink': inProcess(relink), V8: inProcess(WebAssembly), Extism: { run, calls: CALLS } }
}

function repeat(call) {
  for (let number = 0; number < CALLS; number++) call()
}

/** The rows of calls that take bytes and return the same number. */
async function passing() {
  const input = Uint8Array.from({ length: SIZE }, (_, index) => index)
  const inProcess = ({ Module, Instance }) => {
    const { flip, memory } = new Instance(new Module(flipping)).exports
    const call = () => {
      const bytes = new Uint8Array(memory.buffer, 0, SIZE)
      bytes.set(input)
      flip(0, SIZE)
      return bytes.slice()
    }
    check(call())
    return { run: () => repeat(call), calls: CALLS }
  }
  const plugin = await extism().createPlugin({ wasm: [{ data: flippingForExtism }] })
  check((await plugin.call('flip', input)).bytes())
  const run = async () => {
    for (let call = 0; call < CALLS; call++) (await plugin.call('flip', input)).bytes()
    await plugin.reset()
  }
  return { 'wasm-relink': inProcess(relink), V8: inProcess(WebAssembly), Extism: { run, calls: CALLS } }
}

function check(output) {
  if (output.length !== SIZE || output.some((byte, index) => byte !== 255 - index)) throw new Error('wrong bytes')
}

/** The row of a swap: a plugin is made from new bytes and called, and the plugin before it is closed. */
async function swapping(bytes, name, imports) {
  const all = {}
  for (const [engine, make] of Object.entries(ENGINES)) {
    let last = await make(fresh(bytes), imports)
    const replace = (next) => {
      const closed = last.close()
      last = next
      return closed
    }
    // Only Extism needs `await`, which costs as much as a small module.
    const run =
      engine === 'Extism'
        ? async () => {
            const next = await make(fresh(bytes), imports)
            await next.call(name)
            await replace(next)
          }
        : () => {
            const next = make(fresh(bytes), imports)
            next.call(name)
            replace(next)
          }
    all[engine] = { run }
  }
  return all
}

/** The engines that are measured. */
const WORK = {
  'a call that takes nothing and gives an `i32`': calling,
  [`a call that takes ${SIZE} bytes and gives ${SIZE}`]: passing,
  'a tiny plugin swapped for another': () => swapping(answering, 'answer'),
  'a Rust plugin of 28 KB swapped for another': () => swapping(readFileSync(modulePath('pricing')), 'total', RULES),
}
const RULES = { relink: { 'pricing::discount': () => 0n, 'pricing::tax': () => 0n } }

/** The tables of calls and swaps. */
export async function plugins({ quick, say }) {
  const rows = []
  for (const [name, work] of Object.entries(WORK)) {
    say(name)
    rows.push(await beside(name, await work(), quick))
  }
  return [{ title: 'Plugins; a swap compiles bytes that are new, calls and closes', note: NOTE, rows }]
}
