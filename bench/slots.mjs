// What a call inside wasm costs when it goes through a slot.
import * as relink from 'wasm-relink'
import { inRounds, middle, ratio } from './rounds.mjs'
import { table, time, times } from './table.mjs'
import { declaring, importing, provider, throughTable, within } from './wat.mjs'

/** Calls that one measured run makes. */
const CALLS = 200_000
const ROUNDS = 60

const none = { slots: 'none' }
const ours = (bytes, options, imports) => new relink.Instance(new relink.Module(bytes, options), imports)
const v8 = (bytes, imports) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports
/** The loop of an instance, with the slot of that name linked. */
function linked(instance, name, implementation) {
  relink.link(implementation, instance.slot(name))
  return instance.exports.loop
}

/** Each way from a loop to the same function, by what stands in the table. */
function ways() {
  // Without slots of its own, so that what is called is the function and not the way to its slot.
  const plain = ours(provider, none).exports
  const followed = ours(provider).exports
  const env = { env: { next: plain.next } }
  const onV8 = v8(provider)
  const overTable = v8(throughTable)
  overTable.table.set(0, onV8.next)
  return {
    "direct call, `slots: 'none'`": ours(within, none).exports.loop,
    "call of an import, `slots: 'none'`": ours(importing, none, env).exports.loop,
    'function slot, not linked': ours(within).exports.loop,
    'function slot, linked': linked(ours(within), 'next', plain.next),
    'function slot, linked to an export that is a slot itself': linked(ours(within), 'next', followed.next),
    'import slot, not linked': ours(importing, {}, env).exports.loop,
    'import slot, linked': linked(ours(importing, {}, env), 'env.next', plain.next),
    'declared slot, not linked': ours(declaring).exports.loop,
    'declared slot, linked': linked(ours(declaring), 'bench::next', plain.next),
    'V8: direct call': v8(within).loop,
    'V8: call of an import': v8(importing, { env: onV8 }).loop,
    [INDIRECT]: overTable.loop,
  }
}
const DIRECT = "direct call, `slots: 'none'`"
const INDIRECT = 'V8: `call_indirect` of the function of another instance'

/** The ways, beside a direct call and beside what V8 has for it. */
export function slots() {
  console.error('bench: calls through slots')
  const runs = Object.entries(ways()).map(([name, run]) => [name, () => run(CALLS)])
  if (runs.some(([, run]) => run() !== CALLS)) throw new Error('a way leads to another function')
  const variants = Object.fromEntries(runs)
  inRounds(variants, { rounds: 20 }) // V8 compiles again what is used much
  const measured = inRounds(variants, { rounds: ROUNDS, calls: CALLS })
  const rows = Object.keys(variants).map((name) => [
    name,
    time(middle(measured[name])),
    times(ratio(measured, name, DIRECT)),
    times(ratio(measured, name, INDIRECT)),
  ])
  return table('A call inside wasm, with its loop', ['way', 'time', '/ direct', '/ V8 `call_indirect`'], rows)
}
