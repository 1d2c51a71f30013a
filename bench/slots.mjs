// The cost of a call inside WebAssembly that goes through a slot.
import * as relink from 'wasm-relink'
import { inRounds, ratio } from './rounds.mjs'
import { time } from './rows.mjs'
import { declaring, importing, provider, throughFixedTable, throughTable, within } from './wat.mjs'

/** Number of calls in a run. */
const CALLS = 200_000

const none = { slots: 'none' }
const ours = (bytes, options, imports) => new relink.Instance(new relink.Module(bytes, options), imports)
const v8 = (bytes, imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports
/** The loop of an instance, with the slot of this name linked. */
function linked(instance, name, implementation) {
  relink.link(implementation, instance.slot(name))
  return instance.exports.loop
}

/** The loop of an instance, with entry 0 of its table linked. */
function linkedEntry(instance, implementation) {
  relink.link(implementation, instance.exports.table.slot(0))
  return instance.exports.loop
}

/** The loop of an instance whose slot is split between two implementations that are the same. */
function splitBetween(instance, implementation) {
  const both = { a: implementation, b: implementation }
  relink.split(instance.slot('bench::next'), both, { weights: { a: 90, b: 10 } })
  return instance.exports.loop
}

/** Loops that reach the same function in different ways. */
function ways() {
  // The provider has no slots, so that the loop calls the function and not a thunk.
  const plain = ours(provider, none).exports
  const followed = ours(provider).exports
  const env = { env: { next: plain.next } }
  return {
    [DIRECT]: ours(within, none).exports.loop,
    [IMPORT]: ours(importing, none, env).exports.loop,
    'function slot, not linked': ours(within).exports.loop,
    'function slot, linked': linked(ours(within), 'next', plain.next),
    'function slot, linked to an export that is a slot itself': linked(ours(within), 'next', followed.next),
    'import slot, not linked': ours(importing, {}, env).exports.loop,
    'import slot, linked': linked(ours(importing, {}, env), 'env.next', plain.next),
    'declared slot, not linked': ours(declaring).exports.loop,
    'declared slot, linked': linked(ours(declaring), 'bench::next', plain.next),
    'declared slot, split between two by weight': splitBetween(ours(declaring), plain.next),
    'entry of an exported table of fixed size, linked': linkedEntry(ours(throughFixedTable), plain.next),
    'entry of an exported table that can grow, linked': linkedEntry(ours(throughTable), plain.next),
  }
}
const DIRECT = "direct call, `slots: 'none'`"
const IMPORT = "call of an import, `slots: 'none'`"

/** The equivalent of each way on V8. */
function waysOfV8() {
  const onV8 = v8(provider)
  const overTable = v8(throughTable)
  overTable.table.set(0, onV8.next)
  return { direct: v8(within).loop, import: v8(importing, { env: onV8 }).loop, indirect: overTable.loop }
}
const SAME = { [DIRECT]: 'direct', [IMPORT]: 'import' }

const NOTE =
  'V8 makes the same call: a direct one, one of an import, and for slots a `call_indirect` of the function of ' +
  'another instance.'

/** The table of the ways, next to a direct call and to the equivalent on V8. */
export async function slots({ quick, say }) {
  say('calls through slots')
  const own = ways()
  const runs = Object.entries({ ...own, ...waysOfV8() }).map(([name, run]) => [name, () => run(CALLS)])
  if (runs.some(([, run]) => run() !== CALLS)) throw new Error('a way leads to another function')
  const variants = Object.fromEntries(runs)
  await inRounds(variants, { rounds: 20 }) // V8 tiers up
  const measured = await inRounds(variants, { rounds: quick ? 6 : 60, calls: CALLS })
  const rows = Object.keys(own).map((name) => {
    const same = SAME[name] ?? 'indirect'
    const ratios = {
      'wasm-relink / V8': ratio(measured, name, same),
      'wasm-relink / direct': ratio(measured, name, DIRECT),
    }
    return { name, values: { 'wasm-relink': time(measured[name]), V8: time(measured[same]) }, ratios }
  })
  return [{ title: 'A call inside wasm, with its loop', note: NOTE, rows }]
}
