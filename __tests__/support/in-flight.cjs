// Node's requests that read or write a plugin's memory while the plugin ends: every kind of request, and every way to end.
// Prints the faults, as JSON.
//
//   UV_THREADPOOL_SIZE=1 node --expose-gc in-flight.cjs PACKAGE FOLDER (matrix | worker | exit | terminate)
const { execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const http2 = require('node:http2')
const net = require('node:net')
const { join } = require('node:path')
const { buffer: collected } = require('node:stream/consumers')
const tls = require('node:tls')
const { promisify } = require('node:util')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const zlib = require('node:zlib')

const [home, folder, mode] = isMainThread ? process.argv.slice(2) : workerData
const { Instance, Module, Store } = require(home)

// (module (memory (export "memory") 1))
const plugin = new Module(
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 10, 1, 6, 109, 101, 109, 111, 114, 121, 2, 0),
)

// (module (import "" "m" (memory 1)))
const importer = new Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 2, 7, 1, 0, 1, 109, 2, 0, 1))

const [A, B, Z] = [0x41, 0x42, 0x5a]
const SMALL = 1 << 20
/** More bytes than a socket accepts while the other end does not read. */
const LARGE = 6 << 20

const turn = () => new Promise((resolve) => void setImmediate(resolve))
const all = (bytes, value, length) => bytes.length === length && Buffer.from(bytes).equals(Buffer.alloc(length, value))

/** An instance whose memory is full of `value`, and a view of it. */
function make(value, size, store = Store.default) {
  const instance = new Instance(plugin, {}, { store })
  const { memory } = instance.exports
  memory.grow(size / 65536 - 1)
  return { instance, memory, view: new Uint8Array(memory.buffer).fill(value), store }
}

let files = 0
const file = () => join(folder, `file-${mode}-${isMainThread}-${files++}`)

/**
 * A request that writes a plugin's bytes somewhere: `start(view)` begins it, and its promise resolves to the written bytes.
 */
const writes = (prepare, { size = SMALL, whole = false } = {}) => ({ prepare, size, whole, bytes: A })
/** A request that writes into a plugin's memory; its promise resolves to the view. */
const reads = (prepare) => ({ prepare, size: SMALL, whole: true, bytes: B })

/** A request on a file: opens it, runs `write(file, view)`, and reads it at the end. */
const toFile = (open, write, options) =>
  writes(async () => {
    const path = file()
    const opened = await open(path)
    return async (view) => {
      await write(opened, view)
      return fs.readFileSync(path)
    }
  }, options)
const descriptor = (path) => fs.openSync(path, 'w')
const handles = []
const handle = async (path, flags = 'w') => {
  const opened = await fs.promises.open(path, flags)
  handles.push(opened)
  return opened
}
const itself = (path) => path

/** A stream to a reader that starts reading on request. */
const toReader = (connect, options = { size: LARGE, whole: true }) =>
  writes(async (released) => {
    const { writer, reader, end } = await connect()
    return async (view) => {
      writer.end(view)
      await released
      const bytes = await collected(reader)
      end()
      return bytes
    }
  }, options)

async function sockets(server, connect) {
  const arrival = once(server, server instanceof tls.Server ? 'secureConnection' : 'connection')
  const writer = connect()
  const [reader] = await arrival
  return { writer, reader, end: () => server.close() }
}

async function listen(server, ...where) {
  server.listen(...where)
  await once(server, 'listening')
  return server
}

const psk = {
  ciphers: 'PSK',
  maxVersion: 'TLSv1.2',
  pskCallback: () => ({ psk: Buffer.alloc(16, 1), identity: 'plugin' }),
  checkServerIdentity: () => undefined,
}
const pskServer = { ...psk, pskCallback: () => Buffer.alloc(16, 1) }

/** A request that derives bytes from the plugin's memory, the same bytes each time. */
const derived = (derive) =>
  writes(async () => {
    const expected = await derive(new Uint8Array(SMALL).fill(A))
    return async (view) => {
      const [result, wanted] = [await derive(view), expected].map((each) => Buffer.from(each))
      return result.equals(wanted) ? Buffer.alloc(SMALL, A) : result
    }
  })

const compressed = (compress, decompress, options, { whole } = {}) =>
  writes(async () => async (view) => decompress(await promisify(compress)(view, options)), { whole })

const aesKey = crypto.webcrypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CTR', false, ['encrypt'])
const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519')

const input = join(folder, `input-${mode}-${isMainThread}`)
fs.writeFileSync(input, Buffer.alloc(SMALL, B))

const requests = {
  'fs.read': reads(async () => {
    const fd = fs.openSync(input)
    return async (view) => (await promisify(fs.read)(fd, view, 0, SMALL, 0)).buffer
  }),
  'fs.readv': reads(async () => {
    const fd = fs.openSync(input)
    return async (view) => (await promisify(fs.readv)(fd, [view], 0)).buffers[0]
  }),
  'FileHandle.read': reads(async () => {
    const opened = await handle(input, 'r')
    return async (view) => (await opened.read(view, 0, SMALL, 0)).buffer
  }),
  'FileHandle.readv': reads(async () => {
    const opened = await handle(input, 'r')
    return async (view) => (await opened.readv([view], 0)).buffers[0]
  }),
  // The socket repeatedly reads into the view, from its beginning.
  'net.connect with onread': reads(async (released) => {
    const server = await listen(net.createServer(), 0)
    server.once('connection', (peer) => {
      void released.then(() => peer.end(Buffer.alloc(SMALL, B)))
      server.close()
    })
    return async (view) => {
      let count = 0
      const callback = (length) => {
        count += length
        return true
      }
      const socket = net.connect({ port: server.address().port, onread: { buffer: view, callback } })
      await once(socket, 'close')
      return count === SMALL && view[0] === B ? view.fill(B) : view
    }
  }),
  'crypto.randomFill': reads(async () => async (view) => {
    const filled = await promisify(crypto.randomFill)(view)
    // Only this request has written these bytes.
    return filled.length > 0 && !all(filled, A, SMALL) ? filled.fill(B) : filled
  }),
  'fs.write': toFile(descriptor, (fd, view) => promisify(fs.write)(fd, view), { whole: true }),
  'fs.writev': toFile(descriptor, (fd, view) => promisify(fs.writev)(fd, [view]), { whole: true }),
  'FileHandle.write': toFile(handle, (opened, view) => opened.write(view), { whole: true }),
  'FileHandle.writev': toFile(handle, (opened, view) => opened.writev([view]), { whole: true }),
  'FileHandle.writeFile': toFile(handle, (opened, view) => opened.writeFile(view)),
  'fs.writeFile': toFile(itself, (path, view) => promisify(fs.writeFile)(path, view)),
  'fs.promises.writeFile': toFile(itself, (path, view) => fs.promises.writeFile(path, view)),
  'fs.promises.appendFile': toFile(itself, (path, view) => fs.promises.appendFile(path, view)),
  'fs.createWriteStream': toFile(itself, (path, view) => once(fs.createWriteStream(path).end(view), 'close')),
  'zlib.deflate': compressed(zlib.deflate, zlib.inflateSync),
  'zlib.deflate in one piece': compressed(zlib.deflate, zlib.inflateSync, { chunkSize: SMALL }, { whole: true }),
  'zlib.gzip': compressed(zlib.gzip, zlib.gunzipSync),
  'zlib.brotliCompress': compressed(zlib.brotliCompress, zlib.brotliDecompressSync, {
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
  }),
  'zlib.createGzip': writes(async () => async (view) => zlib.gunzipSync(await collected(zlib.createGzip().end(view)))),
  CompressionStream: writes(async () => async (view) => {
    const { readable, writable } = new CompressionStream('deflate')
    const writer = writable.getWriter()
    void writer.write(view)
    void writer.close()
    return zlib.inflateSync(await collected(readable))
  }),
  // Byte streams move a buffer's bytes to another object, if Node allows it.
  'ReadableStream, enqueue': writes(async () => async (view) => {
    let controller
    const stream = new ReadableStream({ type: 'bytes', start: (given) => void (controller = given) })
    try {
      controller.enqueue(view)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      return Buffer.from(view)
    }
    controller.close()
    for (let round = 0; round < 10; round++) await turn()
    return collected(stream)
  }),
  'ReadableStream, read': reads(async (released) => async (view) => {
    const pull = async (controller) => {
      await released
      const { byobRequest } = controller
      byobRequest.view.fill(B)
      byobRequest.respond(byobRequest.view.byteLength)
    }
    try {
      return (await new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' }).read(view)).value
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      return view.fill(B)
    }
  }),
  Blob: writes(async () => async (view) => new Uint8Array(await new Blob([view]).arrayBuffer())),
  'crypto.subtle.digest': derived((bytes) => crypto.webcrypto.subtle.digest('SHA-256', bytes)),
  'crypto.subtle.encrypt': derived(async (data) => {
    const algorithm = { name: 'AES-CTR', counter: new Uint8Array(16), length: 64 }
    return crypto.webcrypto.subtle.encrypt(algorithm, await aesKey, data)
  }),
  'crypto.pbkdf2': derived((bytes) => promisify(crypto.pbkdf2)(bytes, bytes.subarray(9), 1, 64, 'sha512')),
  'crypto.scrypt': derived((bytes) => promisify(crypto.scrypt)(bytes, bytes.subarray(9), 64, { N: 2, r: 1 })),
  'crypto.hkdf': derived((bytes) => promisify(crypto.hkdf)('sha512', bytes, bytes.subarray(9), 'info', 64)),
  'crypto.sign': derived((bytes) => promisify(crypto.sign)(null, bytes, privateKey)),
  'crypto.verify': derived(async (bytes) => {
    const signature = crypto.sign(null, Buffer.alloc(SMALL, A), privateKey)
    return Uint8Array.of(await promisify(crypto.verify)(null, bytes, publicKey, signature))
  }),
  'net.Socket over TCP': toReader(async () => {
    const server = await listen(net.createServer({ pauseOnConnect: true }), 0)
    return sockets(server, () => net.connect(server.address().port))
  }),
  'net.Socket over a pipe': toReader(async () => {
    const path = file()
    const server = await listen(net.createServer({ pauseOnConnect: true }), path)
    return sockets(server, () => net.connect(path))
  }),
  'tls.TLSSocket': toReader(
    async () => {
      const server = await listen(tls.createServer({ ...pskServer, pauseOnConnect: true }), 0)
      return sockets(server, () => tls.connect(server.address().port, psk))
    },
    { size: LARGE },
  ),
  'http response': toReader(async () => {
    const server = await listen(http.createServer(), 0)
    const request = http.get({ port: server.address().port, agent: false })
    const [, writer] = await once(server, 'request')
    writer.flushHeaders()
    const [reader] = await once(request, 'response')
    return { writer, reader, end: () => server.close() }
  }),
  'http request': toReader(
    async () => {
      const server = await listen(http.createServer(), 0)
      const writer = http.request({ port: server.address().port, method: 'PUT', agent: false })
      writer.flushHeaders()
      const [reader, response] = await once(server, 'request')
      return { writer, reader, end: () => response.end(() => server.close()) }
    },
    { size: LARGE, whole: true },
  ),
  'http2 response': toReader(
    async () => {
      const server = await listen(http2.createServer(), 0)
      const client = http2.connect(`http://localhost:${server.address().port}`)
      const reader = client.request()
      const [, writer] = await once(server, 'request')
      return { writer, reader, end: () => client.close(() => server.close()) }
    },
    { size: LARGE, whole: true },
  ),
  fetch: writes(async () => {
    const server = await listen(http.createServer(), 0)
    const arrival = once(server, 'request')
    return async (body) => {
      const answer = fetch(`http://localhost:${server.address().port}`, { method: 'PUT', body })
      const [request, response] = await arrival
      const bytes = await collected(request)
      response.writeHead(200, { connection: 'close' }).end()
      await (await answer).text()
      server.close()
      return bytes
    }
  }),
  'dgram.Socket': writes(async () => {
    const [from, to] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')]
    to.bind(0, '127.0.0.1')
    await once(to, 'listening')
    return async (view) => {
      from.send(view.subarray(0, 32768), to.address().port, '127.0.0.1')
      const [message] = await once(to, 'message')
      from.close()
      to.close()
      return all(message, A, 32768) ? Buffer.alloc(SMALL, A) : message
    }
  }),
  postMessage: writes(async () => async (view) => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(view)
    const data = await new Promise((resolve) => port2.once('message', resolve))
    port1.close()
    return data
  }),
}

const ends = {
  close: ({ instance }) => instance.close(),
  using: ({ instance }) => instance[Symbol.dispose](),
  'store.close': ({ store }) => store.close(),
  drop: () => {},
  'drop with its store': () => {},
  'close, before that of an importer'({ instance, memory }) {
    const other = new Instance(importer, { '': { m: memory } })
    instance.close()
    other.close()
  },
  'growth and close'({ instance, memory }) {
    memory.grow(1)
    instance.close()
  },
}

/** Begins a request with a plugin's memory, and ends the plugin. */
function begin(start, { size }, end) {
  const made = make(A, size, end.includes('store') ? new Store() : Store.default)
  const result = start(made.view)
  ends[end](made)
  return result
}

/** Keeps the thread of libuv's pool busy until the returned function is called. */
function occupy() {
  const fifo = file()
  execFileSync('mkfifo', [fifo])
  fs.open(fifo, 'r', (error, fd) => error ?? fs.closeSync(fd))
  return () => fs.closeSync(fs.openSync(fifo, 'w'))
}

async function matrix() {
  const wrong = []
  let release
  const released = new Promise((resolve) => (release = resolve))
  const prepared = []
  // A worker behaves like the main thread, so some of the ways are enough.
  const ways = isMainThread ? Object.keys(ends) : ['close', 'store.close', 'drop', 'growth and close']
  for (const end of ways) {
    for (const [name, request] of Object.entries(requests)) {
      // A request of several steps finds a detached view in its second step, as with V8's own memories.
      if (end === 'growth and close' && (!request.whole || name.startsWith('ReadableStream'))) continue
      prepared.push({ end, name, request, start: await request.prepare(released) })
    }
  }
  const free = occupy()
  const running = prepared.map(({ end, name, request, start }) => {
    const result = begin(start, request, end).catch((error) => error)
    return { end, name, request, result }
  })
  for (let round = 0; round < 3; round++) {
    await turn()
    gc()
    Store.default.collect()
  }
  const fresh = running.map(({ request }) => make(Z, request.size))
  free()
  release()
  for (const { end, name, request, result } of running) {
    const bytes = await result
    const detached = end === 'growth and close' && request.bytes === B
    const right = detached ? bytes.length === 0 : bytes.length !== undefined && all(bytes, request.bytes, request.size)
    if (!right)
      wrong.push(`${name}, ${end}: ${bytes instanceof Error ? bytes.stack : `${bytes.length} bytes, ${bytes[0]}`}`)
  }
  const dirty = fresh.filter(({ view }) => !all(view, Z, view.length))
  if (dirty.length > 0) wrong.push(`${dirty.length} fresh instances are dirty`)
  await Promise.all(handles.map((opened) => opened.close()))
  fresh.length = running.length = prepared.length = 0
  return wrong
}

/** Tells if all retained bytes are freed once they are unused. */
async function retained() {
  for (let round = 0; round < 100 && Store.default.stats().retainedBytes > 0; round++) {
    gc()
    await turn()
  }
  const { retainedBytes } = Store.default.stats()
  return retainedBytes === 0 ? [] : [`${retainedBytes} bytes are retained for ever`]
}

/** Starts long requests in the memory of a plugin, endlessly. */
function busy() {
  const { view } = make(A, SMALL)
  crypto.randomFillSync(view)
  zlib.deflate(view, () => {})
  zlib.brotliCompress(view, () => {})
  fs.read(fs.openSync('/dev/urandom'), view, 0, SMALL, null, () => {})
  crypto.randomFill(view, () => {})
  fs.write(fs.openSync(file(), 'w'), view, () => {})
  return view
}

async function worker(task) {
  const thread = new Worker(__filename, { workerData: [home, folder, task] })
  const exit = once(thread, 'exit')
  const messages = []
  thread.on('message', (message) => {
    messages.push(message)
    if (task === 'terminate') void thread.terminate()
  })
  await exit
  return messages
}

/** Threads that end while the system uses their plugins' memories, beside instances of this thread. */
async function threads(task) {
  const wrong = []
  for (let round = 0; round < 2; round++) {
    const [message] = await worker(task)
    if (message !== 'busy') wrong.push(`the thread said ${message}`)
    const fresh = Array.from({ length: 4 }, () => make(Z, LARGE))
    await turn()
    if (fresh.some(({ view }) => !all(view, Z, LARGE))) wrong.push('fresh instances are dirty')
    for (const { instance } of fresh) instance.close()
  }
  return wrong
}

async function run() {
  if (isMainThread) {
    const task = { matrix, worker: async () => (await worker('matrix')).flat(), exit: threads, terminate: threads }[
      mode
    ]
    const wrong = await task(mode)
    if (mode === 'matrix') wrong.push(...(await retained()))
    console.log(JSON.stringify(wrong))
  } else if (mode === 'matrix') {
    parentPort.postMessage([...(await matrix()), ...(await retained())])
  } else {
    globalThis.held = busy()
    parentPort.postMessage('busy')
    if (mode === 'exit') process.exit(0)
  }
}
void run()
