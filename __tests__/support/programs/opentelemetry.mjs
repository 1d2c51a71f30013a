// Prints what examples/opentelemetry.mjs reports to OpenTelemetry's API: its spans and measurements, one a line.
import * as api from '@opentelemetry/api'
import { instantiate, load, relink } from 'wasm-relink'
import { report } from '../../../examples/opentelemetry.mjs'

const print = (...parts) => console.log(JSON.stringify(parts))
const span = (name) => ({
  end: () => print('end', name),
  recordException: ({ code }) => print('exception', name, code),
})
const instrument = (name) => {
  const note = (value, attributes) => print(name, typeof value, attributes.kind ?? attributes.slot ?? null)
  return { add: note, record: note }
}

api.trace.setGlobalTracerProvider({
  getTracer: () => ({
    startSpan(name, { attributes }) {
      print(
        'span',
        name,
        attributes['wasm_relink.label'] ?? null,
        attributes['wasm_relink.by'] ?? null,
        attributes['wasm_relink.slots'],
      )
      return span(name)
    },
  }),
})
api.context.setGlobalContextManager({
  active: () => api.trace.setSpan(api.ROOT_CONTEXT, span('request')),
  with: (context, run) => run(),
  bind: (context, target) => target,
  enable() {},
  disable() {},
})
api.metrics.setGlobalMeterProvider({ getMeter: () => ({ createCounter: instrument, createHistogram: instrument }) })
report(api)

const example = (name) => new URL(import.meta.resolve(`wasm-relink/examples/${name}.wasm`))
const pricing = await load(example('pricing'))
const sale = { label: 'sale', by: 'anna' }
relink({ discount: (await load(example('pricing_promotions'))).exports.ten_percent_off }, pricing, sale).undo()

// (module (func (export "f") unreachable))
const words = '0061736d01000000 010401600000 03020100 0705010166 0000 0a0501030000 0b'
const { instance } = await instantiate(Buffer.from(words.replaceAll(' ', ''), 'hex'))
try {
  instance.exports.f()
} catch ({ code }) {
  print('thrown', code)
}
