// The cost of typed functions: strings, bytes and records between JavaScript and a plugin, and between plugins.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as relink from 'wasm-relink'
import { inRounds, ratio } from './rounds.mjs'
import { time } from './rows.mjs'
import { glue } from './typed-glue.mjs'
import { peers } from './typed-peers.mjs'
import { caller, callee } from './typed-plugins.mjs'

const fixtures = new URL('../fixtures/', import.meta.url)
const bytes = readFileSync(new URL('target/modules/everything_bindgen.wasm', fixtures))
const wit = readFileSync(new URL('everything_bindgen/wit/world.wit', fixtures), 'utf8')

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const item = { name: 'a plain item', price: 12n, tags: ['small', 'red'], at: 0.5 }
const items = Array.from({ length: 10 }, () => item)
const MEGABYTE = new Uint8Array(1 << 20).fill(7)

/** For each function: its argument, which is its result too, and the number of calls in a run. */
const WORK = [
  ['a string of 5 characters', 'echoString', 'hello', 2000],
  ['a string of 1,000 characters', 'echoString', 'x'.repeat(1000), 1000],
  ['a string of 100,000 characters', 'echoString', 'x'.repeat(100_000), 30],
  ['a string of 1,000 characters, not ASCII', 'echoString', 'é'.repeat(1000), 300],
  ['bytes, 1 MiB', 'echoBytes', MEGABYTE, 10],
  ['ten records with strings and lists', 'echoItems', items, 100],
]

function ours() {
  const ask = () => {
    throw new Error('the bench calls no import')
  }
  const $root = { ask, askShape: ask }
  return new relink.Instance(new relink.Module(bytes), { $root }, { wit }).exports
}

/** Checks that an engine returns what it is given. */
async function check(engine, name, [fn, value]) {
  const same = JSON.stringify([await fn(value)], plain) === JSON.stringify([value], plain)
  if (!same) throw new Error(`${engine} returns another value for ${name}`)
}
const plain = (_, value) => (typeof value === 'bigint' ? `${value}` : value)

/** The rows of calls from JavaScript. */
async function fromJavaScript({ quick, say }) {
  const engines = { 'wasm-relink': ours(), V8: glue(bytes), ...(await peers(bytes, say)) }
  const rows = []
  for (const [name, fn, value, calls] of WORK) {
    const able = Object.entries(engines).filter(([, functions]) => functions[fn] !== undefined)
    for (const [engine, functions] of able) await check(engine, name, [functions[fn], value])
    const variants = Object.fromEntries(
      able.map(([engine, functions]) => [engine, repeat(functions[fn], value, calls, engine === 'Extism')]),
    )
    if (value === MEGABYTE) variants['two copies'] = repeat((all) => all.slice().slice(), value, calls)
    await inRounds(variants, { rounds: 3 }) // V8 tiers up
    // The system must clear memory that was not used before: so all is given back before each run.
    const prepare = value === MEGABYTE ? collectGarbage : undefined
    const measured = await inRounds(variants, { rounds: quick ? 5 : 30, calls, prepare })
    const others = Object.keys(variants).filter((each) => each !== 'wasm-relink')
    rows.push({
      name,
      values: Object.fromEntries(Object.keys(variants).map((each) => [each, time(measured[each])])),
      ratios: Object.fromEntries(others.map((each) => [`wasm-relink / ${each}`, ratio(measured, 'wasm-relink', each)])),
    })
  }
  return rows
}

/** A run of calls. Those of Extism are promises, and must not overlap. */
const repeat = (fn, value, calls, isAsync) =>
  isAsync
    ? async () => {
        for (let call = 0; call < calls; call++) await fn(value)
      }
    : () => {
        for (let call = 0; call < calls; call++) fn(value)
      }

/** The rows of calls from one plugin to another. */
async function betweenPlugins({ quick }) {
  const CALLS = 20_000
  const [first, second] = [caller, callee].map((each) => new relink.Instance(new relink.Module(each)))
  relink.link(second.exports.shout, first.slot('bench::shout'))
  const viaJavaScript = new relink.Instance(new relink.Module(caller))
  relink.link((text) => second.exports.shout(text), viaJavaScript.slot('bench::shout'))
  const variants = {
    'wasm-relink': () => first.exports.loop(CALLS),
    'through JavaScript': () => viaJavaScript.exports.loop(CALLS),
    V8: betweenOnV8(CALLS),
  }
  await inRounds(variants, { rounds: 3 })
  const measured = await inRounds(variants, { rounds: quick ? 5 : 30, calls: CALLS })
  const others = Object.keys(variants).slice(1)
  return [
    {
      name: 'a string of 5 characters, from a plugin to another one and back',
      values: Object.fromEntries(Object.keys(variants).map((each) => [each, time(measured[each])])),
      ratios: Object.fromEntries(others.map((each) => [`wasm-relink / ${each}`, ratio(measured, 'wasm-relink', each)])),
    },
  ]
}

/** The same on V8: the function that JavaScript imports copies between the memories without making a string. */
function betweenOnV8(calls) {
  const b = new WebAssembly.Instance(new WebAssembly.Module(callee), { relink: { 'bench::shout': () => {} } }).exports
  let [own, its] = [new Uint8Array(0), new Uint8Array(0)]
  const shout = (text, length, area) => {
    const lent = b.cabi_realloc(0, 0, 1, length)
    if (own.length === 0) own = new Uint8Array(a.memory.buffer)
    if (its.length === 0) its = new Uint8Array(b.memory.buffer)
    its.set(own.subarray(text, text + length), lent)
    const result = b.shout(lent, length)
    const [start, size] = new Uint32Array(its.buffer, result, 2)
    const to = a.cabi_realloc(0, 0, 1, size)
    own.set(its.subarray(start, start + size), to)
    new Uint32Array(own.buffer, area, 2).set([to, size])
    b.cabi_post_shout(result)
  }
  const a = new WebAssembly.Instance(new WebAssembly.Module(caller), { relink: { 'bench::shout': shout } }).exports
  return () => a.loop(calls)
}

const NOTE =
  'Each value goes in and comes out. V8 has glue written by hand for these functions. Extism passes bytes, so it has no ' +
  'records. jco runs the same guest as a component.'

/** The tables of typed functions. */
export async function typed(options) {
  options.say('calls from JavaScript')
  const first = { title: 'A typed call from JavaScript', note: NOTE, rows: await fromJavaScript(options) }
  options.say('calls between plugins')
  const note = 'The loop of a plugin calls a slot that another plugin implements, with a memory of its own.'
  return [first, { title: 'A typed call between plugins', note, rows: await betweenPlugins(options) }]
}
