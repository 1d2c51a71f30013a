// The sandbox of preopens: no path leads out of one, and the guest sees an errno.
import { spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { compilers } from '../support'
import { E, FOLDER, FOLLOW, Guest, O, RIGHTS, inFolder } from '../support/wasi-guest'

const SECRET = 'the secret outside'

/** A guest with the folder `inside` of a new folder, beside which is a secret. */
const sandboxed = (
  work: (guest: Guest, outside: string, inside: string) => void | Promise<void>,
  compiler: (typeof compilers)[number] = 'cranelift',
) =>
  inFolder(async (folder) => {
    const inside = join(folder, 'inside')
    mkdirSync(join(inside, 'sub'), { recursive: true })
    mkdirSync(join(folder, 'outside'))
    writeFileSync(join(folder, 'secret'), SECRET)
    writeFileSync(join(folder, 'outside', 'secret'), SECRET)
    writeFileSync(join(inside, 'own'), 'own')
    await work(Guest.of({ preopens: { '/': inside } }, compiler), folder, inside)
  })

/** The errnos of refusals. */
const REFUSALS = [E.PERM, E.NOTCAPABLE, E.ACCES, E.LOOP, E.NOENT, E.XDEV, E.INVAL, E.ILSEQ, E.NAMETOOLONG, E.NOTDIR]

/** 'refused' for the errno of a refusal; any other result unchanged. */
const outcome = (result: string | number) =>
  typeof result === 'number' && REFUSALS.includes(-result) ? 'refused' : result

test.each(compilers)('a file of its own is read, on %s', (compiler) =>
  sandboxed((guest) => {
    expect(guest.cat('own')).toBe('own')
    expect(guest.cat('./sub/../own')).toBe('own')
  }, compiler),
)

test.each(['..', '../secret', 'sub/../../secret', './../secret', 'sub/../sub/../../secret', '../inside/own'])(
  'the path %s does not lead out',
  (path) => sandboxed((guest) => expect(outcome(guest.cat(path))).toBe('refused')),
)

test('absolute paths do not lead out', () =>
  sandboxed((guest, outside) => {
    for (const path of ['/', '/etc/passwd', join(outside, 'secret'), '//etc/passwd'])
      expect(outcome(guest.cat(path))).toBe('refused')
  }))

test.each(['relative', 'absolute'])('links made before, to a file and to a directory, do not lead out (%s)', (kind) =>
  sandboxed((guest, outside, inside) => {
    const to = (path: string) => (kind === 'relative' ? join('..', path) : join(outside, path))
    symlinkSync(to('secret'), join(inside, 'file'))
    symlinkSync(to('outside'), join(inside, 'folder'))
    symlinkSync(to('.'), join(inside, 'parent'))
    for (const path of ['file', 'folder/secret', 'folder/', 'parent/secret', 'folder/../secret'])
      expect(outcome(guest.cat(path))).toBe('refused')
    // Without following, a link itself is no file to read.
    expect(outcome(guest.open('file', { follow: 0 }))).toBe('refused')
    expect(outcome(guest.open('folder', { open: O.DIRECTORY }))).toBe('refused')
    // The names of what is outside do not come in either.
    expect(guest.call.path_filestat_get(FOLDER, FOLLOW, ...guest.put('folder/secret'), 512)).not.toBe(0)
    expect(outcome(guest.open('folder/new', { open: O.CREATE, rights: RIGHTS.WRITE }))).toBe('refused')
    expect(existsSync(join(outside, 'outside', 'new'))).toBe(false)
  }),
)

test('links that the guest makes do not lead out', () =>
  sandboxed((guest, outside) => {
    for (const [index, target] of ['../secret', '../outside', join(outside, 'secret'), '/'].entries()) {
      const made = guest.symlink(target, `link${index}`)
      expect(['made', 'refused']).toContain(made === 0 ? 'made' : outcome(-made))
      expect(outcome(guest.cat(`link${index}`))).toBe('refused')
      expect(outcome(guest.cat(`link${index}/secret`))).toBe('refused')
    }
  }))

test('chains of links do not lead out, and circles end', () =>
  sandboxed((guest) => {
    expect(guest.symlink('sub', 'a')).toBe(0)
    expect(guest.symlink('a/..', 'b')).toBe(0)
    expect(guest.symlink('b/../secret', 'c')).toBe(0)
    expect(outcome(guest.cat('c'))).toBe('refused')
    expect(guest.cat('b/own')).toBe('own')
    expect(guest.symlink('y', 'x')).toBe(0)
    expect(guest.symlink('x', 'y')).toBe(0)
    expect(guest.cat('x')).toBe(-E.LOOP)
  }))

test('links do not lead out in the middle of any call that takes a path', () =>
  sandboxed((guest, outside, inside) => {
    symlinkSync('../outside', join(inside, 'out'))
    const refused = [
      guest.call.path_create_directory(FOLDER, ...guest.put('out/made')),
      guest.call.path_unlink_file(FOLDER, ...guest.put('out/secret')),
      guest.call.path_remove_directory(FOLDER, ...guest.put('out/../outside')),
      guest.call.path_readlink(FOLDER, ...guest.put('out/secret'), 4096, 64, 8),
      guest.call.path_filestat_set_times(FOLDER, FOLLOW, ...guest.put('out/secret'), 0n, 0n, 5),
      guest.link('out/secret', 'stolen'),
      guest.link('own', 'out/planted'),
      guest.link('../secret', 'stolen'),
      guest.rename('out/secret', 'stolen'),
      guest.rename('own', 'out/planted'),
      guest.rename('../secret', 'stolen'),
      guest.symlink('x', 'out/planted'),
    ]
    for (const errno of refused) expect(outcome(-errno)).toBe('refused')
    for (const path of ['stolen', 'planted']) expect(existsSync(join(inside, path))).toBe(false)
    expect(existsSync(join(outside, 'outside', 'planted'))).toBe(false)
    expect(readFileSync(join(outside, 'outside', 'secret'), 'utf8')).toBe(SECRET)
  }))

test('a hard link to a link opens what the link may', () =>
  sandboxed((guest, _outside, inside) => {
    symlinkSync('../secret', join(inside, 'soft'))
    linkSync(join(inside, 'own'), join(inside, 'hard'))
    expect(guest.cat('hard')).toBe('own')
    guest.link('soft', 'soft2')
    expect(outcome(guest.cat('soft2'))).toBe('refused')
  }))

test('magic links of /proc do not lead out', () =>
  inFolder(() => {
    if (!existsSync('/proc/self/root')) return
    const guest = Guest.of({ preopens: { '/': '/proc/self' } })
    for (const path of ['root', 'root/etc/passwd', 'cwd/package.json', 'exe', 'fd/0', 'task/../root/etc/passwd']) {
      expect(outcome(guest.open(path))).toBe('refused')
      expect(outcome(guest.open(path, { open: O.DIRECTORY }))).toBe('refused')
    }
    expect(guest.cat('comm')).toMatch(/./)
  }))

test('trailing slashes, NUL bytes, other bytes than UTF-8 and very long paths are errnos', () =>
  sandboxed((guest, _outside, inside) => {
    symlinkSync('../outside', join(inside, 'out'))
    for (const path of ['own/', 'own/.', 'own/..', 'out/', 'out//secret', 'out/./secret'])
      expect(outcome(guest.cat(path))).toBe('refused')
    for (const path of ['own\0', '\0', '../secret\0', 'own\0/../../secret'])
      expect(outcome(guest.cat(path))).toBe('refused')
    for (const bytes of [[0xff], [0x2e, 0x2e, 0x2f, 0xc3], [0xc0, 0xae, 0xc0, 0xae, 0x2f]]) {
      expect(guest.open(Uint8Array.from(bytes))).toBe(-E.ILSEQ)
    }
    expect(guest.open('')).toBe(-E.NOENT)
    expect(guest.open('x'.repeat(300))).toBe(-E.NAMETOOLONG)
    expect(outcome(guest.open('sub/../'.repeat(900) + '../secret'))).toBe('refused')
    expect(outcome(guest.open('../'.repeat(2000)))).toBe('refused')
    expect(outcome(guest.open('sub/'.repeat(1700)))).toBe('refused')
  }))

test('a folder that is moved out does not take the guest with it', () =>
  sandboxed((guest, outside, inside) => {
    const fd = guest.open('sub', { open: O.DIRECTORY })
    expect(fd).toBeGreaterThan(FOLDER)
    renameSync(join(inside, 'sub'), join(outside, 'outside', 'sub'))
    expect(outcome(guest.open('../secret', { fd }))).toBe('refused')
    expect(outcome(guest.open('../../secret', { fd }))).toBe('refused')
  }))

test('opening a named pipe without a writer does not block', () =>
  sandboxed((guest, _outside, inside) => {
    if (spawnSync('mkfifo', [join(inside, 'pipe')]).status !== 0) return
    const fd = guest.open('pipe')
    expect(fd).toBeGreaterThan(FOLDER)
    expect(guest.open('pipe', { rights: RIGHTS.WRITE })).toBeGreaterThan(FOLDER)
  }))

/** Tries of the race: `WASI_RACE_TRIES=100000` for the long form. */
const TRIES = Number(process.env['WASI_RACE_TRIES'] ?? 20_000)

/** Works while a second thread gives the name `target` to two entries of `inside` by turns. */
async function whileSwapped(inside: string, entries: readonly [string, string], work: () => void): Promise<void> {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const swapper = new Worker(
    `const { workerData: { inside, entries, shared } } = require('node:worker_threads')
       const { renameSync } = require('node:fs')
       const at = (name) => inside + '/' + name
       Atomics.store(shared, 0, 1); Atomics.notify(shared, 0)
       while (Atomics.load(shared, 1) === 0) {
         for (const entry of entries) { renameSync(at(entry), at('target')); renameSync(at('target'), at(entry)) }
       }`,
    { eval: true, workerData: { inside, entries, shared } },
  )
  const ended = new Promise((resolve) => swapper.on('exit', resolve))
  Atomics.wait(shared, 0, 0)
  try {
    work()
  } finally {
    Atomics.store(shared, 1, 1)
    await ended
  }
}

test(
  `a folder that a second thread swaps for a link does not lead out, in ${TRIES} tries`,
  () =>
    sandboxed(async (guest, _outside, inside) => {
      mkdirSync(join(inside, 'real'))
      writeFileSync(join(inside, 'real', 'secret'), 'harmless')
      symlinkSync('../outside', join(inside, 'evil'))
      const seen = new Set<string | number>()
      await whileSwapped(inside, ['real', 'evil'], () => {
        for (let index = 0; index < TRIES; index++) seen.add(guest.cat('target/secret'))
      })
      expect(seen).not.toContain(SECRET)
      for (const result of seen) expect(outcome(result)).toMatch(/^(harmless|refused)$/)
      // The race was one: each of the two was met.
      expect(seen.size).toBeGreaterThan(1)
    }),
  600_000,
)

test(
  'a folder or file that a second thread swaps for a link is not linked, moved or changed outside',
  () =>
    sandboxed(async (guest, outside, inside) => {
      mkdirSync(join(inside, 'real'))
      writeFileSync(join(inside, 'real', 'secret'), 'harmless')
      symlinkSync('../outside', join(inside, 'evil'))
      symlinkSync('../secret', join(inside, 'evil file'))
      const seen = new Set<string | number>()
      const errnos = new Set<number>()
      const tryAll = (path: string, moves: boolean) => {
        for (let index = 0; index < TRIES / 20; index++) {
          errnos.add(guest.link(path, 'stolen'))
          seen.add(guest.cat('stolen'))
          if (moves) errnos.add(guest.rename(path, 'moved')).add(guest.rename('moved', path))
          errnos.add(guest.call.path_unlink_file(FOLDER, ...guest.put('stolen')))
          for (const open of [O.TRUNCATE, O.CREATE]) {
            const fd = guest.open(path, { open, rights: RIGHTS.WRITE })
            if (fd < 0) continue
            expect(guest.write(fd, 'harmless')).toBe(8)
            guest.call.fd_close(fd)
          }
        }
      }
      await whileSwapped(inside, ['real', 'evil'], () => tryAll('target/secret', true))
      writeFileSync(join(inside, 'other'), 'harmless')
      await whileSwapped(inside, ['other', 'evil file'], () => tryAll('target', false))
      expect(seen).not.toContain(SECRET)
      expect(errnos).toContain(0)
      expect(seen).toContain('harmless')
      for (const secret of ['secret', 'outside/secret']) {
        expect(readFileSync(join(outside, secret), 'utf8')).toBe(SECRET)
      }
      expect(readdirSync(join(outside, 'outside'))).toEqual(['secret'])
    }),
  600_000,
)
