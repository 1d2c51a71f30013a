// An audit log: who changed which slot, when and why, from the events of the package.
import { subscribe } from 'node:diagnostics_channel'
import { fileURLToPath } from 'node:url'
import { load, relink, Store } from 'wasm-relink'

const named = (record) => record?.function ?? 'nothing'

/** Writes a line for each event with `write`. */
export function audit(write) {
  const line = (event, by, text) => write(`${new Date().toISOString()} ${event} by ${by ?? 'unknown'}: ${text}`)
  const changes = (slots) =>
    slots.map(({ slot, before, after }) => `${slot}: ${named(before)} → ${named(after)}`).join(', ')
  for (const event of ['link', 'relink']) {
    subscribe(`wasm-relink:${event}`, ({ id, label, by, slots }) =>
      line(event, by, `commit ${id}${label ? ` (${label})` : ''}, ${changes(slots)}`),
    )
  }
  subscribe('wasm-relink:undo', ({ id, by, reason, undone }) =>
    line(reason, by, `${id === undefined ? '' : `commit ${id}, `}${undone.join(', ')}`),
  )
  subscribe('wasm-relink:rollback', ({ id, undone }) =>
    line('rollback', undefined, `to commit ${id}, undone: ${undone.join(', ')}`),
  )
  subscribe('wasm-relink:trap', ({ error }) => line('trap', undefined, error.message))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  audit(console.log)
  const store = new Store({ historyLimit: 100 })
  const example = (name) => new URL(import.meta.resolve(`wasm-relink/examples/${name}.wasm`))
  const pricing = await load(example('pricing'), {}, { store })
  const promotions = await load(example('pricing_promotions'), {}, { store })
  relink({ discount: promotions.exports.ten_percent_off }, pricing, { label: 'summer sale', by: 'anna' })
  const free = relink({ tax: () => 0n }, pricing, { label: 'no tax', by: 'ben' })
  free.undo()
  store.rollback(0)
}
