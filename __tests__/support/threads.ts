// Programs with threads: jest cannot run workers, so a test runs a program of its own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '.'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasm-relink-threads-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0

/**
 * Runs a program, whose `worker` part runs in threads, and returns its output. Both parts have `relink`, `threads` and
 * `bytes`. `main` has `start(data)`, which returns a thread, and `ended(thread)`. `worker` has `data` and `post`.
 */
export function run(parts: { main: string; worker: string }, bytes = new Uint8Array(), flags: string[] = []): string[] {
  const file = join(folder, `program${count++}.cjs`)
  writeFileSync(
    file,
    `const threads = require('node:worker_threads')
    const relink = require(${JSON.stringify(root)})
    const bytes = Buffer.from(${JSON.stringify(Buffer.from(bytes).toString('base64'))}, 'base64')
    if (threads.isMainThread) {
      const start = (workerData) => new threads.Worker(__filename, { workerData })
      const ended = (thread) => new Promise((resolve, reject) => thread.on('exit', resolve).on('error', reject))
      void (async () => {${parts.main}})()
    } else {
      const data = threads.workerData
      const post = (message) => threads.parentPort.postMessage(message)
      void (async () => {${parts.worker}})()
    }`,
  )
  // Kills a program that hangs, long after it should have ended.
  const how = { encoding: 'utf8', timeout: 100_000 } as const
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, file], how)
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  return stdout.trim().split('\n')
}

/** A module that waits on, notifies and changes an imported shared memory. */
export const shared = `(module
  (import "env" "memory" (memory 1 10 shared))
  (export "memory" (memory 0))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`

/** The proposal that this module needs, for `wat`. */
export const threads = { threads: true }
