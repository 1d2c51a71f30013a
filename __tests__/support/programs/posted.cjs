// Glue as emnapi, napi-rs and emscripten have it: it checks the class of a posted Module or Memory before it uses the object.
// Posts both in every way.
const threads = require('node:worker_threads')

/**
 * (import "env" "memory" (memory 1 8 shared)) (export "memory" (memory 0)), and functions: `add(address, value)`, an atomic
 * addition; `grow()`, by a page; `size()`
 */
const bytes = Buffer.from(
  'AGFzbQEAAAABCwJgAn9/AX9gAAF/AhABA2VudgZtZW1vcnkCAwEIAwQDAAEBBx4EBm1lbW9yeQIAA2FkZAAABGdyb3cAAQRzaXplAAIKGAMKACAAIAH+' +
    'HgIACwYAQQFAAAsEAD8ACw==',
  'base64',
)

/** The glue's work with a posted Module and Memory. */
function use(way, { wasmModule, wasmMemory }) {
  if (!(wasmModule instanceof WebAssembly.Module)) throw new TypeError(`${way}: no Module`)
  if (!(wasmMemory instanceof WebAssembly.Memory)) throw new TypeError(`${way}: no Memory`)
  if (wasmModule instanceof WebAssembly.Memory || wasmMemory instanceof WebAssembly.Module) throw new TypeError(way)
  const names = WebAssembly.Module.exports(wasmModule).map(({ name }) => name)
  const bufferOf = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get
  const before = [wasmMemory.buffer.byteLength, bufferOf.call(wasmMemory) === wasmMemory.buffer]
  const grown = [wasmMemory.grow(1), WebAssembly.Memory.prototype.grow.call(wasmMemory, 1)]
  const { exports } = new WebAssembly.Instance(wasmModule, { env: { memory: wasmMemory } })
  const used = [exports.size(), exports.grow(), exports.size(), exports.memory === wasmMemory, exports.add(8, 1)]
  const after = [wasmMemory.buffer.byteLength, new Int32Array(wasmMemory.buffer)[2]]
  const still = [wasmModule instanceof WebAssembly.Module, wasmMemory instanceof WebAssembly.Memory]
  return `${way}: ${[names, before, grown, used, after, still].join(' ')}`
}

const make = () => ({
  wasmModule: new WebAssembly.Module(bytes),
  wasmMemory: new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true }),
})

/** Extracts them from the message. */
const unnest = ({ map, list }) => ({ wasmModule: map.get('module'), wasmMemory: [...list[0].set][0] })
const nest = ({ wasmModule, wasmMemory }) => ({
  map: new Map([['module', wasmModule]]),
  list: [{ set: new Set([wasmMemory]) }],
})

const received = (port) => new Promise((resolve) => port.once('message', resolve))

async function inWorker() {
  const { workerData, parentPort } = threads
  const { port, channel, ...posted } = workerData
  const from = new threads.BroadcastChannel(channel)
  const broadcast = new Promise((resolve) => {
    from.addEventListener('message', ({ data }) => resolve(data), { once: true })
  })
  parentPort.postMessage('ready')
  const lines = [
    use('workerData', posted),
    use('environment data', threads.getEnvironmentData('posted')),
    use('postMessage', await received(parentPort)),
    use('MessageChannel', await received(port)),
    use('BroadcastChannel', await broadcast),
  ]
  from.close()
  parentPort.postMessage(lines)
  // Posts the message on, after this thread has used it.
  port.postMessage(posted)
  port.close()
}

async function main() {
  threads.setEnvironmentData('posted', make())
  const { port1, port2 } = new threads.MessageChannel()
  const workerData = { ...make(), port: port2, channel: 'posted' }
  const worker = new threads.Worker(__filename, { workerData, transferList: [port2] })
  const failed = new Promise((_, reject) => worker.on('error', reject))
  await Promise.race([received(worker), failed])
  const fromWorker = received(port1)
  worker.postMessage(make())
  port1.postMessage(make())
  const channel = new threads.BroadcastChannel('posted')
  channel.postMessage(make())
  const lines = await Promise.race([received(worker), failed])
  console.log(lines.join('\n'))
  const back = await fromWorker
  console.log(back.wasmModule instanceof WebAssembly.Module, back.wasmMemory instanceof WebAssembly.Memory)
  channel.close()

  console.log(use('structuredClone', structuredClone(make())))
  console.log(use('nested', unnest(structuredClone(nest(make())))))
  const { port1: from, port2: to } = new threads.MessageChannel()
  from.postMessage(nest(make()))
  console.log(use('receiveMessageOnPort', unnest(threads.receiveMessageOnPort(to).message)))
  from.close()
  const twice = structuredClone(structuredClone(make()))
  console.log(use('twice', twice))
  console.log(use('again', structuredClone({ ...make(), wasmModule: twice.wasmModule })))

  class Special extends WebAssembly.Module {}
  const other = [{}, null, 1, new WebAssembly.Memory({ initial: 1 }), WebAssembly.Module.prototype, new Proxy({}, {})]
  console.log(other.map((value) => value instanceof WebAssembly.Module).join())
  console.log(twice.wasmModule instanceof Special, new Special(bytes) instanceof Special)
}

void (threads.isMainThread ? main() : inWorker())
