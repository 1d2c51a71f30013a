// Swaps of WASI plugins leave no descriptor and no memory.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, wat } from '../support'

const where = process.platform === 'linux' ? describe : describe.skip

/** Swaps: `WASI_SWAPS=10000` for the long form. */
const SWAPS = Number(process.env['WASI_SWAPS'] ?? 1500)

where('the descriptors and the memory of plugins', () => {
  test(`are free after ${SWAPS} swaps, closed or not`, async () => {
    const bytes = await wat(`(module
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 64) "package.json")
    (func $answer (export "answer") (result i32) i32.const 1)
    (func (export "open") (result i32) i32.const 3 i32.const 0 i32.const 64 i32.const 12 i32.const 0 i64.const 2 i64.const 0
      i32.const 0 i32.const 8 call $open))`)
    const program = `
    const { readdirSync, readFileSync } = require('node:fs')
    const { Instance, Module, Store, link } = require(${JSON.stringify(root)})
    const { WASI } = require(${JSON.stringify(join(root, 'wasi.js'))})
    const module = new Module(Buffer.from(process.argv[1], 'base64'))
    const preopens = { '/': ${JSON.stringify(root)} }
    const store = new Store()
    const server = new Instance(module, {}, { store, wasi: { preopens } })
    const descriptors = () => readdirSync('/proc/self/fd').length
    const resident = () => Number(/VmRSS:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
    const settle = async () => { for (let i = 0; i < 4; i++) { gc(); store.collect(); await new Promise((done) => setTimeout(done, 20)) } }
    async function swaps(count, close) {
      for (let index = 0; index < count; index++) {
        const plugin = close
          ? new Instance(module, {}, { store, wasi: { preopens } })
          : new Instance(module, new WASI({ version: 'preview1', preopens }).getImportObject(), { store })
        if (plugin.exports.open() !== 0) throw new Error('the file does not open')
        link(plugin.exports.answer, server.slot('answer')).undo()
        if (close) plugin.close()
        if (index % 100 === 99) await settle()
      }
      await settle()
    }
    void (async () => {
      await swaps(300, true)
      await swaps(300, false)
      const before = [descriptors(), resident()]
      await swaps(${SWAPS}, true)
      const closed = [descriptors(), resident()]
      await swaps(${Math.floor(SWAPS / 5)}, false)
      const collected = [descriptors(), resident()]
      console.log(JSON.stringify({ before, closed, collected }))
    })()`
    const options = ['--expose-gc', '-e', program, Buffer.from(bytes).toString('base64')]
    const { stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' })
    expect(stderr).toBe('')
    const { before, closed, collected } = JSON.parse(stdout)
    // One system may still be held by the variable of the loop.
    expect(Math.max(closed[0], collected[0])).toBeLessThanOrEqual(before[0])
    expect(before[0]).toBeLessThan(40)
    // In KiB: the pages that V8 and the allocator keep vary.
    expect(Math.max(closed[1], collected[1]) - before[1]).toBeLessThan(24 * 1024)
  }, 300_000)
})
