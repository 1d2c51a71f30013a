// Rust plugins: one for wasm32-wasip1 with logs, files, the time, panics and a declared slot; core modules of components.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { link, load } from '../..'
import { compilers, guestPath, root, thrownBy } from '../support'
import { inFolder } from '../support/wasi-guest'

describe.each(compilers)('on %s', (compiler) => {
  const loaded = (work: (plugin: any, written: { stdout: string; stderr: string }) => void) =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, 'data'))
      writeFileSync(join(folder, 'data', 'numbers.txt'), '1\n2\n39\n')
      const written = { stdout: '', stderr: '' }
      const wasi = {
        env: { CURRENCY: 'Rappen' },
        preopens: { '/data': { path: join(folder, 'data'), readOnly: true } },
        stdout: (chunk: Uint8Array) => void (written.stdout += String(chunk)),
        stderr: (chunk: Uint8Array) => void (written.stderr += String(chunk)),
      }
      const plugin = await load(guestPath('wasi_plugin'), {}, { compiler, cache: false, wasi })
      work(plugin, written)
      plugin.close()
    })

  test('it logs, reads a file of a preopen, and tells the time', () =>
    loaded(({ exports }, written) => {
      exports.log(3)
      expect(written.stdout).toBe('article 3 costs 300 Rappen\n')
      expect(exports.sum()).toBe(42n)
      expect(Math.abs(Number(exports.now()) - Date.now() / 1000)).toBeLessThan(60)
      expect(written.stderr).toBe('')
    }))

  test('its declared slot is relinked', () =>
    loaded((plugin, written) => {
      const linked = link(((article: number) => article * 7) as never, plugin.slot('price'))
      plugin.exports.log(3)
      linked.undo()
      plugin.exports.log(3)
      expect(written.stdout).toBe('article 3 costs 21 Rappen\narticle 3 costs 300 Rappen\n')
    }))

  test('a panic is on stderr, and the error has it', () =>
    loaded(({ exports }, written) => {
      const error = thrownBy(() => exports.fail(9))
      expect(error).toMatchObject({ code: 'ERR_RELINK_TRAP', panic: { message: 'article 9 does not exist' } })
      expect(written.stderr).toContain('article 9 does not exist')
      // The plugin can still be called.
      exports.log(1)
      expect(written.stdout).toBe('article 1 costs 100 Rappen\n')
    }))
})

describe('core modules of components', () => {
  /** The core modules of the component wasm-tools, as jco ships them. */
  const vendored = (name: string) =>
    join(root, 'node_modules', '@bytecodealliance', 'jco-transpile', 'vendor', `wasm-tools.${name}.wasm`)

  test('one that was built for wasip1 runs', async () => {
    const options = { compiler: 'singlepass', cache: false, wasi: {} } as const
    const instance = await load(vendored('core'), {}, options)
    const address = (instance.exports as any).cabi_realloc(0, 0, 4, 64)
    expect(address).toBeGreaterThan(0)
    expect(address % 4).toBe(0)
    instance.close()
  })

  test('one that imports WASI 0.2 is refused with the name of the import', async () => {
    const error = await load(vendored('core2'), {}, { wasi: {} }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect((error as Error).message).toMatch(
      /`imports\["wasi:\w+\/\w+@0\.2\.\d+"\]`, got undefined; the module imports "/,
    )
  })
})
