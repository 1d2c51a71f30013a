// Commits, traps and loads as spans and counters of OpenTelemetry's API. Needs `npm install @opentelemetry/api`, and an SDK if the
// telemetry is to go somewhere.
import { subscribe } from 'node:diagnostics_channel'
import { fileURLToPath } from 'node:url'
import { load, relink } from 'wasm-relink'

/** Reports the events of the package to OpenTelemetry. `api` is the module `@opentelemetry/api`. */
export function report({ metrics, trace }) {
  const tracer = trace.getTracer('wasm-relink')
  const meter = metrics.getMeter('wasm-relink')
  const commits = meter.createCounter('wasm_relink.commits', { description: 'Commits, by kind' })
  const traps = meter.createCounter('wasm_relink.traps', { description: 'Traps of plugins, by slot' })
  const loads = meter.createHistogram('wasm_relink.load', { description: 'Duration of a load', unit: 'ms' })

  for (const kind of ['link', 'relink', 'undo', 'rollback']) {
    subscribe(`wasm-relink:${kind}`, ({ id, label, by, slots = [], undone = [] }) => {
      const names = undone.length > 0 ? undone.map(String) : slots.map(({ slot }) => slot)
      const attributes = { 'wasm_relink.commit': id, 'wasm_relink.label': label, 'wasm_relink.by': by }
      tracer.startSpan(`wasm-relink ${kind}`, { attributes: { ...attributes, 'wasm_relink.slots': names } }).end()
      commits.add(1, { kind })
    })
  }
  subscribe('wasm-relink:trap', ({ error, slot }) => {
    trace.getActiveSpan()?.recordException(error)
    traps.add(1, { slot })
  })
  subscribe('wasm-relink:load', ({ file, duration }) => loads.record(duration, { file }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  report(await import('@opentelemetry/api'))
  const example = (name) => new URL(import.meta.resolve(`wasm-relink/examples/${name}.wasm`))
  const [pricing, promotions] = [await load(example('pricing')), await load(example('pricing_promotions'))]
  relink({ discount: promotions.exports.ten_percent_off }, pricing, { label: 'sale' }).undo()
  console.log('reported a commit and its undo')
}
