// Writables for the output of a guest: closed ones, failing ones and slow ones. The guest is not ended, nor its host.
import { spawnSync } from 'node:child_process'
import { PassThrough, Writable } from 'node:stream'
import { root, wat } from '../support'
import { E, Guest, inFolder } from '../support/wasi-guest'

test('a Writable that has ended or is destroyed is EPIPE, and raises no error', () =>
  inFolder(async () => {
    const [ended, destroyed, errors] = [new PassThrough(), new PassThrough(), [] as unknown[]]
    for (const stream of [ended, destroyed]) stream.on('error', (error) => errors.push(error))
    const guest = Guest.of({ stdout: ended, stderr: destroyed })
    expect([guest.write(1, 'one'), guest.write(2, 'two')]).toEqual([3, 3])
    ended.end()
    destroyed.destroy()
    expect([guest.write(1, 'x'), guest.write(2, 'x'), guest.write(1, 'y')]).toEqual([-E.PIPE, -E.PIPE, -E.PIPE])
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual([])
    expect(String(ended.read())).toBe('one')
  }))

test('a Writable that fails raises its own error; later writes are EPIPE', () =>
  inFolder(async () => {
    const errors: Error[] = []
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) })
    stdout.on('error', (error) => errors.push(error))
    const guest = Guest.of({ stdout })
    expect(guest.write(1, 'x')).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    expect(guest.write(1, 'x')).toBe(-E.PIPE)
    expect(errors.map(({ message }) => message)).toEqual(['no room'])
  }))

test('a Writable that pushes back keeps all chunks, in order', () =>
  inFolder(async () => {
    const written: string[] = []
    const stdout = new Writable({
      highWaterMark: 1,
      write: (chunk, _encoding, done) => (written.push(String(chunk)), setImmediate(done)),
    })
    const guest = Guest.of({ stdout })
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`)
    for (const line of lines) expect(guest.write(1, line)).toBe(line.length)
    expect(stdout.writableNeedDrain).toBe(true)
    await new Promise<void>((resolve) => stdout.end(resolve))
    expect(written).toEqual(lines)
  }))

test('what a callback or a write method returns is no errno', () =>
  inFolder(() => {
    const guest = Guest.of({ stdout: (() => 8) as never, stderr: { write: () => 8 } as never })
    expect([guest.write(1, 'x'), guest.write(2, 'x')]).toEqual([1, 1])
  }))

test('a guest that writes to an ended Writable does not end the process', async () => {
  const program = `
    const { PassThrough } = require('node:stream'); const { Instance, Module } = require(${JSON.stringify(root)})
    const module = new Module(Buffer.from(process.argv[1], 'base64')); const stdout = new PassThrough(); stdout.end()
    const instance = new Instance(module, {}, { wasi: { stdout } })
    console.log(instance.exports.hello()); setTimeout(() => console.log('alive'), 10)`
  const bytes = await wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 8) "\\10\\00\\00\\00\\06\\00\\00\\00hello\\n")
    (func (export "hello") (result i32) i32.const 1 i32.const 8 i32.const 1 i32.const 0 call $write))`)
  const parameters = ['-e', program, Buffer.from(bytes).toString('base64')]
  const { stdout, stderr, status } = spawnSync(process.execPath, parameters, { encoding: 'utf8' })
  expect({ stdout, stderr, status }).toEqual({ stdout: `${E.PIPE}\nalive\n`, stderr: '', status: 0 })
})
