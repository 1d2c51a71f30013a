// The work of `bench/packages.mjs`: typical uses of packages from npm that have WebAssembly from Rust.
import { createRequire } from 'node:module'
import { fromBenchModules } from './modules.mjs'

const fromHere = createRequire(import.meta.url)

/** Numbers below `limit`, the same in each process. */
function numbers(seed) {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** The maps and documents begin with this many lines. */
const LINES = 500

const sourceMap = async () => {
  const { SourceMapConsumer, SourceMapGenerator } = fromHere('source-map')
  const generator = new SourceMapGenerator({ file: 'out.js' })
  const random = numbers(1)
  for (let line = 1; line <= LINES; line++) {
    for (let column = 0; column < 80; column += 1 + random(15)) {
      const original = { line: 1 + random(LINES), column: random(80) }
      generator.addMapping({ generated: { line, column }, original, source: `${random(9)}.rs`, name: `n${random(50)}` })
    }
  }
  return new SourceMapConsumer(generator.toString())
}

const json = JSON.stringify(
  Array.from({ length: 100 }, (_, id) => ({ id, name: `straße ${id}`, tags: ['a', 'b'], at: [id, -id] })),
)

const html = `<ul>${'<li class="a"><a href="/x">text</a></li>'.repeat(100)}</ul>`

/**
 * Each function prepares its work, and returns `run`, which does the work `calls` times and returns a value that is the same on
 * every engine.
 */
export const WORK = {
  '`source-map`: `originalPositionFor`': async () => {
    const consumer = await sourceMap()
    const random = numbers(2)
    const run = () => {
      let sum = 0
      for (let call = 0; call < 1000; call++) {
        sum += consumer.originalPositionFor({ line: 1 + random(LINES), column: random(80) }).line ?? 0
      }
      return sum > 0
    }
    return { run, calls: 1000 }
  },
  '`source-map`: `eachMapping`, each mapping': async () => {
    const consumer = await sourceMap()
    let calls = 0
    consumer.eachMapping(() => calls++)
    const run = () => {
      let sum = 0
      consumer.eachMapping(({ originalLine }) => {
        sum += originalLine
      })
      return sum
    }
    return { run, calls }
  },
  '`html-rewriter-wasm`: a handler for each element': async () => {
    const { HTMLRewriter } = fromHere('html-rewriter-wasm')
    const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]
    const bytes = encoder.encode(html)
    const run = async () => {
      let text = ''
      const rewriter = new HTMLRewriter((chunk) => (text += decoder.decode(chunk, { stream: true })))
      rewriter.on('a', { element: (element) => void element.setAttribute('href', `${element.getAttribute('href')}y`) })
      try {
        await rewriter.write(bytes)
        await rewriter.end()
      } finally {
        rewriter.free()
      }
      return text.length
    }
    return { run, calls: 100 }
  },
  '`@dprint/json`: 7 KB formatted': async () => {
    const { createFromBuffer } = fromHere('@dprint/formatter')
    const { readFileSync } = await import('node:fs')
    const formatter = createFromBuffer(readFileSync(fromHere('@dprint/json').getPath()))
    return { run: () => formatter.formatText({ filePath: 'a.json', fileText: json }).length, calls: 1 }
  },
  '`brotli-wasm`: 7 KB compressed and back': async () => {
    const { compress, decompress } = fromHere('brotli-wasm')
    const bytes = Buffer.from(json)
    return { run: () => decompress(compress(bytes, { quality: 5 })).length, calls: 1 }
  },
  '`tiny-secp256k1`: a signature': async () => {
    const { sign } = fromBenchModules('tiny-secp256k1')
    const [hash, key] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)]
    const run = () => {
      let sum = 0
      for (let call = 0; call < 20; call++) {
        hash[0] = call
        sum += sign(hash, key)[5]
      }
      return sum
    }
    return { run, calls: 20 }
  },
  '`@automerge/automerge`: `put`': async () => {
    const { getBackend, init } = fromBenchModules('@automerge/automerge')
    const run = () => {
      const doc = getBackend(init())
      for (let call = 0; call < 100; call++) {
        doc.put('_root', `key ${call}`, call)
        if (call % 10 === 9) doc.commit()
      }
      const { length } = doc.keys('_root')
      doc.free()
      return length
    }
    return { run, calls: 100 }
  },
  '`@automerge/automerge`: `get`': async () => {
    const { getBackend, init } = fromBenchModules('@automerge/automerge')
    const doc = getBackend(init())
    for (let call = 0; call < 100; call++) doc.put('_root', `key ${call}`, `value ${call}`)
    const run = () => {
      let sum = 0
      for (let call = 0; call < 1000; call++) sum += doc.get('_root', `key ${call % 100}`).length
      return sum
    }
    return { run, calls: 1000 }
  },
  '`ywasm`: `insert` into a text': async () => {
    const { YDoc } = fromBenchModules('ywasm')
    const run = () => {
      const doc = new YDoc({ clientID: 1 })
      const text = doc.getText('text')
      for (let call = 0; call < 1000; call++) text.insert(call, 'a', undefined, undefined)
      const length = text.length(undefined)
      text.free()
      doc.free()
      return length
    }
    return { run, calls: 1000 }
  },
  '`loro-crdt`: `insert` into a text': async () => {
    const { LoroDoc } = fromBenchModules('loro-crdt')
    const run = () => {
      const doc = new LoroDoc()
      doc.setPeerId('1')
      const text = doc.getText('text')
      for (let call = 0; call < 1000; call++) text.insert(call, 'a')
      const { length } = text
      text.free()
      doc.free()
      return length
    }
    return { run, calls: 1000 }
  },
  '`loro-crdt`: `set` in a map, and `get`': async () => {
    const { LoroDoc } = fromBenchModules('loro-crdt')
    const run = () => {
      const doc = new LoroDoc()
      const map = doc.getMap('map')
      let sum = 0
      for (let call = 0; call < 1000; call++) {
        map.set(`key ${call % 100}`, call)
        sum += map.get(`key ${call % 100}`)
      }
      map.free()
      doc.free()
      return sum
    }
    return { run, calls: 1000 }
  },
}
