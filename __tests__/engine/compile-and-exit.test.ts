// Neither the end of the process nor that of a worker waits for a compile whose result is no longer needed.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { compile } from '../..'
import { leb, module, section } from '../support/binary'
import { guestPath, root, wat } from '../support'

/** A module that takes minutes to compile, and little time to make. */
function endless(): Uint8Array<ArrayBuffer> {
  // x = x & 3 ? x + 5 : x ^ 7, repeated: one of the slowest shapes for Cranelift.
  const test = [0x20, 0, 0x41, 3, 0x71, 0x04, 0x40]
  const step = Buffer.from([...test, 0x20, 0, 0x41, 5, 0x6a, 0x21, 0, 0x05, 0x20, 0, 0x41, 7, 0x73, 0x21, 0, 0x0b])
  const [steps, functions] = [800, 1500]
  const body = Buffer.concat([Buffer.from([0]), Buffer.alloc(step.length * steps, step), Buffer.from([0x0b])])
  const one = Buffer.concat([Buffer.from(leb(body.length)), body])
  return module(
    section('type', [1, 0x60, 1, 0x7f, 0]),
    section('function', leb(functions), Buffer.alloc(functions)),
    section('code', leb(functions), Buffer.alloc(one.length * functions, one)),
  )
}

const file = join(tmpdir(), `wasm-relink-endless-${process.pid}.wasm`)

/** Runs a program with the package as `R` and the module as `bytes`; returns how it ended. The compile alone would take minutes. */
function run(program: string) {
  const whole = `
    const R = require(${JSON.stringify(root)})
    const { Worker, isMainThread } = require('node:worker_threads')
    const { setTimeout: pause } = require('node:timers/promises')
    const native = require(${JSON.stringify(join(root, 'native.cjs'))})
    /** Waits until this number of compiles run. */
    const running = async (count) => {
      while (native.runningCompiles() !== count) await pause(5)
    }
    const file = ${JSON.stringify(file)}
    const bytes = require('node:fs').readFileSync(file)
    ${program}`
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', whole], {
    encoding: 'utf8',
    timeout: 8000,
    killSignal: 'SIGKILL',
  })
  return { status, signal, stdout, stderr }
}

beforeAll(() => writeFileSync(file, endless()))

afterAll(() => rmSync(file))

const ends = (stdout: string, status = 0) => ({ status, signal: null, stdout, stderr: '' })

test.each(['cranelift', 'auto'])('process.exit() while a compile runs (%s)', (compiler) => {
  expect(
    run(`R.compile(bytes, { compiler: '${compiler}' }).finally(() => console.log('over'))
      setTimeout(() => process.exit(3), 300)`),
  ).toEqual(ends('', 3))
})

test('process.exit() while more files are loaded than there are threads', () => {
  expect(
    run(`for (let index = 0; index < 9; index++) R.load(file, {}, { cache: false, slots: index % 2 ? 'all' : 'none' })
      setTimeout(() => process.exit(3), 300)`),
  ).toEqual(ends('', 3))
})

test.each(['worker.terminate()', 'worker.postMessage(0)'])('%s while it compiles, and others go on', (end) => {
  const worker = `
    const R = require(${JSON.stringify(root)})
    const { parentPort } = require('node:worker_threads')
    for (let index = 0; index < 4; index++) {
      R.compile(require('node:fs').readFileSync(${JSON.stringify(file)}), { slots: ['func[' + index + ']'] })
    }
    parentPort.once('message', () => process.exit())
    setTimeout(() => parentPort.postMessage('compiling'), 300)`
  expect(
    run(`const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
      worker.once('message', () => { ${end} })
      worker.once('exit', async () => {
        console.log('ended')
        // All threads are busy with compiles that are no longer needed.
        const module = await R.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
        console.log(module instanceof R.Module)
        process.exit()
      })`),
  ).toEqual(ends('ended\ntrue\n'))
})

test('worker.terminate() during `new Module`', () => {
  const worker = `
    const R = require(${JSON.stringify(root)})
    require('node:worker_threads').parentPort.postMessage('compiling')
    try {
      new R.Module(require('node:fs').readFileSync(${JSON.stringify(file)}))
    } catch (error) {
      console.log(error)
    }`
  expect(
    run(`const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
      worker.once('message', () => setTimeout(() => worker.terminate(), 300))
      worker.once('exit', (code) => {
        console.log('ended', code)
        process.exit()
      })`),
  ).toEqual(ends('ended 1\n'))
})

test('a module of `new Module` in a worker works', async () => {
  const worker = `
    const R = require(${JSON.stringify(root)})
    const { parentPort } = require('node:worker_threads')
    const bytes = require('node:fs').readFileSync(${JSON.stringify(guestPath('scalars'))})
    const errors = [bytes, Buffer.concat([bytes, Buffer.alloc(100_000, 0xff)])].map((each) => {
      try {
        return new R.Module(each) instanceof R.Module
      } catch (error) {
        return error.code
      }
    })
    parentPort.postMessage(errors)`
  const [answer] = await once(new Worker(worker, { eval: true }), 'message')
  expect(answer).toEqual([true, 'ERR_RELINK_INVALID_WASM'])
})

test('a process that awaits compiles gets all of them', async () => {
  const bytes = await wat('(module (func (export "f") (result i32) i32.const 7))')
  const modules = await Promise.all(Array.from({ length: 40 }, () => compile(bytes)))
  expect(modules).toHaveLength(40)
  expect(
    run(`R.compile(Uint8Array.from([${bytes}])).then((module) => console.log(new R.Instance(module).exports.f()))`),
  ).toEqual(ends('7\n'))
})

test('workers that start and end get their compiles', async () => {
  const worker = `
    const R = require(${JSON.stringify(root)})
    const { parentPort } = require('node:worker_threads')
    R.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)).then(() => parentPort.postMessage('compiled'))`
  const answers = Array.from({ length: 6 }, async () => {
    const [answer] = await once(new Worker(worker, { eval: true }), 'message')
    return answer
  })
  expect(await Promise.all(answers)).toEqual(Array(6).fill('compiled'))
})

describe('a compile stops once its result is no longer needed', () => {
  const worker = (program: string) => `
    const R = require(${JSON.stringify(root)})
    const bytes = require('node:fs').readFileSync(${JSON.stringify(file)})
    ${program}`

  test.each([
    ['cranelift', 'worker.terminate()', "R.compile(bytes, { compiler: 'cranelift' })"],
    ['singlepass', 'worker.terminate()', "R.compile(bytes, { compiler: 'singlepass' })"],
    ['auto', 'process.exit()', "R.compile(bytes, { compiler: 'auto' })"],
    ['of a file', 'worker.terminate()', `R.compileFile(${JSON.stringify(file)}, { cache: false })`],
    ['at once', 'worker.terminate()', 'new R.Module(bytes)'],
  ])('%s, ended by %s', (_, end, compile) => {
    const program = worker(`
      require('node:worker_threads').parentPort.once('message', () => process.exit())
      ${compile}`)
    expect(
      run(`const worker = new Worker(${JSON.stringify(program)}, { eval: true })
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        running(1).then(async () => {
          ${end === 'process.exit()' ? 'worker.postMessage(0)' : end}
          await ended
          await running(0)
          console.log('stopped', native.cancelledCompiles() > 0)
        })`),
    ).toEqual(ends('stopped true\n'))
  })

  test('that of the tier-up of a module that was collected', () => {
    expect(
      run(`require('node:v8').setFlagsFromString('--expose-gc')
        const gc = require('node:vm').runInNewContext('gc')
        const program = async () => {
          await R.compile(bytes, { compiler: 'auto' })
          await running(1)
          while (native.runningCompiles() > 0) {
            await pause(5)
            gc()
          }
          console.log('stopped', native.cancelledCompiles() > 0)
        }
        program()`),
    ).toEqual(ends('stopped true\n'))
  })
})
