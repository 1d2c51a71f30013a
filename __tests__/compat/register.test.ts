// `node --require wasm-relink/register`: unmodified packages from npm, on wasmer. Each program works with
// `globalThis.WebAssembly`, and prints its results.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, wat } from '../support'

const register = join(root, 'register.cjs')
const folder = join(root, '__tests__', 'support', 'programs')

function run(parameters: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', ...parameters], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test.each(readdirSync(folder))('%s prints what it prints on V8', (file) => {
  const program = join(folder, file)
  const onV8 = run([program])
  expect(onV8).toMatchObject({ status: 0, stderr: '' })
  expect(onV8.stdout.length).toBeGreaterThan(60)
  expect(run(['--require', register, program])).toEqual(onV8)
})

test('replaces the property of globalThis, with the same attributes', () => {
  const program = `
    const { value, ...flags } = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly')
    console.log(JSON.stringify(flags), value === require(${JSON.stringify(root)}).WebAssembly, String(WebAssembly))`
  const { stdout } = run(['--require', register, '-e', program])
  expect(stdout).toBe('{"writable":true,"enumerable":false,"configurable":true} true [object WebAssembly]\n')
})

test('fetch, whose parser is WebAssembly, works on it, and so do the streaming functions', async () => {
  const bytes = await wat('(module (import "env" "f" (func $f (result i32))) (func (export "g") (result i32) call $f))')
  const program = `
    const { createServer } = require('node:http')
    const bytes = Buffer.from('${Buffer.from(bytes).toString('base64')}', 'base64')
    const types = { '/ok': 'application/wasm', '/text': 'text/plain' }
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/gone' ? 404 : 200, { 'content-type': types[request.url] ?? 'application/wasm' })
      response.end(bytes)
    })
    server.listen(0, async () => {
      const get = (path) => fetch('http://localhost:' + server.address().port + path)
      const { instance } = await WebAssembly.instantiateStreaming(get('/ok'), { env: { f: () => 7 } })
      const module = await WebAssembly.compileStreaming(await get('/ok'))
      console.log(instance.exports.g(), WebAssembly.Module.exports(module)[0].name)
      const read = await get('/ok')
      await read.text()
      for (const make of [() => get('/text'), () => get('/gone'), () => read, () => 5, () => Promise.reject(new Error('mine'))]) {
        await WebAssembly.compileStreaming(make()).catch((error) => console.log(error.constructor.name, error.code))
      }
      server.close()
      server.closeAllConnections()
    })`
  const ours = run(['--require', register, '-e', program])
  expect(ours).toMatchObject({ status: 0, stderr: '' })
  expect(ours.stdout.split('\n')[0]).toBe('7 g')
  expect(ours).toEqual(run(['-e', program]))
})
