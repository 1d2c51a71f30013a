// A guest of WASI whose functions a test calls one by one, through WebAssembly.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Instance, Memory, Module } from '../..'
import { WASI, type WASIOptions } from '../../wasi'
import { type compilers, wat } from '.'

const FUNCTIONS = {
  args_sizes_get: 'i32 i32',
  environ_sizes_get: 'i32 i32',
  clock_time_get: 'i32 i64 i32',
  fd_close: 'i32',
  fd_fdstat_get: 'i32 i32',
  fd_fdstat_set_flags: 'i32 i32',
  fd_fdstat_set_rights: 'i32 i64 i64',
  fd_filestat_set_size: 'i32 i64',
  fd_filestat_set_times: 'i32 i64 i64 i32',
  fd_prestat_get: 'i32 i32',
  fd_prestat_dir_name: 'i32 i32 i32',
  fd_read: 'i32 i32 i32 i32',
  fd_readdir: 'i32 i32 i32 i64 i32',
  fd_renumber: 'i32 i32',
  fd_seek: 'i32 i64 i32 i32',
  fd_write: 'i32 i32 i32 i32',
  path_create_directory: 'i32 i32 i32',
  path_filestat_get: 'i32 i32 i32 i32 i32',
  path_filestat_set_times: 'i32 i32 i32 i32 i64 i64 i32',
  path_link: 'i32 i32 i32 i32 i32 i32 i32',
  path_open: 'i32 i32 i32 i32 i32 i64 i64 i32 i32',
  path_readlink: 'i32 i32 i32 i32 i32 i32',
  path_remove_directory: 'i32 i32 i32',
  path_rename: 'i32 i32 i32 i32 i32 i32',
  path_symlink: 'i32 i32 i32 i32 i32',
  path_unlink_file: 'i32 i32 i32',
  poll_oneoff: 'i32 i32 i32 i32',
  random_get: 'i32 i32',
  sched_yield: '',
} as const

type Name = keyof typeof FUNCTIONS

/** Errnos of WASI. */
export const E = {
  SUCCESS: 0,
  ACCES: 2,
  AGAIN: 6,
  BADF: 8,
  EXIST: 20,
  FAULT: 21,
  ILSEQ: 25,
  INVAL: 28,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  NAMETOOLONG: 37,
  NOENT: 44,
  NOSPC: 51,
  NOTDIR: 54,
  NXIO: 60,
  PERM: 63,
  PIPE: 64,
  ROFS: 69,
  XDEV: 75,
  NOTCAPABLE: 76,
}

export const FOLLOW = 1
export const O = { CREATE: 1, DIRECTORY: 2, EXCLUSIVE: 4, TRUNCATE: 8 }
export const RIGHTS = { READ: 2n, WRITE: 64n }

/** A module that exports the functions of WASI that it imports, and its memory. */
const prepared = wat(`(module
  ${Object.entries(FUNCTIONS)
    .map(([name, types]) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${types}) (result i32)))`)
    .join('\n  ')}
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  ${Object.entries(FUNCTIONS)
    .map(([name, types]) => {
      const parameters = types === '' ? [] : types.split(' ')
      return `(func (export "${name}") (param ${types}) (result i32) ${parameters.map((_, at) => `local.get ${at}`).join(' ')} call $${name})`
    })
    .join('\n  ')}
  (func (export "exit") (param i32) local.get 0 call $proc_exit unreachable)
  (memory (export "memory") 2))`)

let bytes: Uint8Array<ArrayBuffer>

/** The first preopen's descriptor. */
export const FOLDER = 3

const RESULT = 8
const PATHS = [1024, 8192]
const BUFFER = 65536

/** A guest, and short forms of its calls. Each path may be text or bytes. */
export class Guest {
  readonly call: Record<Name, (...args: (number | bigint)[]) => number>
  readonly exit: (code: number) => void
  readonly memory: Memory
  readonly instance: Instance<any>

  constructor(
    readonly wasi: WASI,
    compiler: (typeof compilers)[number] = 'cranelift',
    options: object = {},
  ) {
    this.instance = new Instance<any>(new Module(bytes, { compiler }), wasi.getImportObject(), options)
    const { memory, exit, ...call } = this.instance.exports
    this.call = call as never
    this.exit = exit
    this.memory = memory
  }

  static of(options: Partial<WASIOptions> = {}, compiler: (typeof compilers)[number] = 'cranelift'): Guest {
    return new Guest(new WASI({ version: 'preview1', ...options }), compiler)
  }

  #view(): DataView {
    return new DataView(this.memory.buffer as ArrayBuffer)
  }

  result(): number {
    return this.#view().getUint32(RESULT, true)
  }

  time(): bigint {
    return this.#view().getBigUint64(RESULT, true)
  }

  bytes(at: number, length: number): Buffer {
    return Buffer.from(new Uint8Array(this.memory.buffer as ArrayBuffer, at, length))
  }

  put(path: string | Uint8Array, which = 0): [number, number] {
    const text = Buffer.from(path as string)
    new Uint8Array(this.memory.buffer as ArrayBuffer).set(text, PATHS[which])
    return [PATHS[which]!, text.length]
  }

  /** Opens a path; the result is a descriptor, or an errno as a negative number. */
  open(
    path: string | Uint8Array,
    { follow = FOLLOW, open = 0, rights = RIGHTS.READ, flags = 0, fd = FOLDER } = {},
  ): number {
    const errno = this.call.path_open(fd, follow, ...this.put(path), open, rights, 0n, flags, RESULT)
    return errno === 0 ? this.result() : -errno
  }

  read(fd: number, length = 4096): string | number {
    this.#view().setUint32(16, BUFFER, true)
    this.#view().setUint32(20, length, true)
    const errno = this.call.fd_read(fd, 16, 1, RESULT)
    return errno === 0 ? this.bytes(BUFFER, this.result()).toString() : -errno
  }

  write(fd: number, text: string): number {
    const bytes = Buffer.from(text)
    new Uint8Array(this.memory.buffer as ArrayBuffer).set(bytes, BUFFER)
    this.#view().setUint32(16, BUFFER, true)
    this.#view().setUint32(20, bytes.length, true)
    const errno = this.call.fd_write(fd, 16, 1, RESULT)
    return errno === 0 ? this.result() : -errno
  }

  /** The content of a file, or an errno as a negative number. */
  cat(path: string | Uint8Array): string | number {
    const fd = this.open(path)
    if (fd < 0) return fd
    try {
      return this.read(fd)
    } finally {
      this.call.fd_close(fd)
    }
  }

  symlink(target: string, path: string): number {
    return this.call.path_symlink(...this.put(target), FOLDER, ...this.put(path, 1))
  }

  link(path: string, to: string, fd = FOLDER, toFd = FOLDER): number {
    return this.call.path_link(fd, 0, ...this.put(path), toFd, ...this.put(to, 1))
  }

  rename(path: string, to: string, fd = FOLDER, toFd = FOLDER): number {
    return this.call.path_rename(fd, ...this.put(path), toFd, ...this.put(to, 1))
  }

  /** Waits by `poll_oneoff` for this time, in milliseconds. */
  sleep(milliseconds: number): number {
    const view = this.#view()
    for (let at = 2048; at < 2096; at += 8) view.setBigUint64(at, 0n, true)
    view.setUint32(2048 + 16, 1, true)
    view.setBigUint64(2048 + 24, BigInt(milliseconds) * 1_000_000n, true)
    return this.call.poll_oneoff(2048, 4096, 1, RESULT)
  }
}

/** Runs a test in a new folder. */
export async function inFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  bytes ??= await prepared
  const folder = mkdtempSync(join(tmpdir(), 'wasi-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
