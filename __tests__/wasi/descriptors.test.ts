// Descriptors of a guest: renumbered preopens, hostile reads of folders, and changes across preopens.
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, FOLDER, Guest, O, RIGHTS, inFolder } from '../support/wasi-guest'

const [RO, RW, TWO] = [FOLDER, FOLDER + 1, FOLDER + 2]
const CREATE = { open: O.CREATE, rights: RIGHTS.READ | RIGHTS.WRITE }

/** A guest with a read-only preopen, one without limits and one with limits, in a new folder. */
const withPreopens = (work: (guest: Guest, folder: string) => void) =>
  inFolder((folder) => {
    for (const name of ['ro', 'rw', 'two', 'ro/dir', 'rw/dir']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'secret'), 'secret')
    writeFileSync(join(folder, 'ro/file'), 'content')
    writeFileSync(join(folder, 'rw/own'), 'own')
    const guest = Guest.of({
      preopens: {
        '/ro': { path: join(folder, 'ro'), readOnly: true },
        '/rw': join(folder, 'rw'),
        '/two': { path: join(folder, 'two'), limits: { bytesWritten: 4, openFiles: 2 } },
      },
    })
    work(guest, folder)
    expect(readdirSync(join(folder, 'ro')).toSorted()).toEqual(['dir', 'file'])
    expect(readFileSync(join(folder, 'ro/file'), 'utf8')).toBe('content')
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('secret')
  })

describe('fd_renumber', () => {
  test('to itself, from and to what is not open', () =>
    withPreopens(({ call: { fd_renumber } }) => {
      expect([fd_renumber(RO, RO), fd_renumber(RO, 99), fd_renumber(99, RO)]).toEqual([0, E.BADF, E.BADF])
      expect([fd_renumber(RO, -1), fd_renumber(-1, RO), fd_renumber(99, 99)]).toEqual([E.BADF, E.BADF, E.BADF])
    }))

  test('a read-only preopen over another one stays read-only and keeps its name', () =>
    withPreopens((guest) => {
      expect(guest.call.fd_renumber(RO, RW)).toBe(0)
      expect(guest.open('new', { ...CREATE, fd: RW, open: O.CREATE | O.EXCLUSIVE })).toBe(-E.ROFS)
      expect(guest.call.path_create_directory(RW, ...guest.put('new'))).toBe(E.ROFS)
      expect([guest.call.fd_prestat_get(RW, 8), guest.call.fd_prestat_get(RO, 8)]).toEqual([0, E.BADF])
      expect(guest.call.fd_prestat_dir_name(RW, 1024, 3)).toBe(0)
      expect(guest.bytes(1024, 3).toString()).toBe('/ro')
      // The number that is free is given again, and is no preopen.
      expect(guest.open('dir', { fd: RW, open: O.DIRECTORY })).toBe(RO)
      expect(guest.call.fd_prestat_get(RO, 8)).not.toBe(0)
    }))

  test('a file over a preopen or a stream has the rights of the file', () =>
    withPreopens((guest) => {
      const fd = guest.open('file')
      expect(guest.call.fd_renumber(fd, RW)).toBe(0)
      expect(guest.open('own', { fd: RW })).toBe(-E.NOTDIR)
      expect(guest.call.fd_prestat_get(RW, 8)).not.toBe(0)
      expect([guest.read(RW, 3), guest.read(fd)]).toEqual(['con', -E.BADF])
      expect(guest.call.fd_renumber(RW, 1)).toBe(0)
      expect([guest.read(1), guest.write(1, 'x')]).toEqual(['tent', -E.BADF])
    }))

  test('what was there before is closed, and counts no longer', () =>
    withPreopens((guest) => {
      const open = (name: string) => guest.open(name, { ...CREATE, fd: TWO })
      const [a, b] = [open('a'), open('b')]
      expect(open('c')).toBe(-E.MFILE)
      expect(guest.call.fd_renumber(a, b)).toBe(0)
      expect(open('c')).toBe(a)
      expect([guest.write(b, '12345'), guest.write(a, 'x')]).toEqual([4, -E.NOSPC])
    }))
})

test('fd_readdir with any cookie and any buffer is a result or an errno', () =>
  inFolder((folder) => {
    for (let index = 0; index < 20; index++) writeFileSync(join(folder, `file${index}`), '')
    const guest = Guest.of({ preopens: { '/': folder } })
    const BUFFER = 65_536
    const read = (cookie: bigint, buffer = BUFFER, length = 4096, to = 8, fd = FOLDER) =>
      guest.call.fd_readdir(fd, buffer, length, cookie, to)
    for (const cookie of [22n, 10_000n, (1n << 32n) - 1n, (1n << 63n) - 1n, -(1n << 63n), -1n]) {
      expect([cookie, read(cookie), guest.result()]).toEqual([cookie, 0, 0])
    }
    // Each cookie goes on after its entry: 24 bytes, and the name.
    const names: string[] = []
    for (let cookie = 0n; ;) {
      expect(read(cookie, BUFFER, 100)).toBe(0)
      const [used, entry] = [guest.result(), guest.bytes(BUFFER, 100)]
      if (used < 24) break
      names.push(entry.subarray(24, 24 + entry.readUInt32LE(16)).toString())
      cookie = entry.readBigUInt64LE()
      expect(names.length).toBeLessThan(23)
    }
    expect(new Set(names)).toEqual(new Set(['.', '..', ...readdirSync(folder)]))
    for (const length of [0, 1, 23]) expect([read(0n, BUFFER, length), guest.result()]).toEqual([0, length])
    // Only as much as there is has to fit.
    expect([read(0n, BUFFER, -1), guest.result() < 4096]).toEqual([0, true])
    const end = 2 * 65_536
    const outside = [read(0n, end - 1, 2), read(0n, -1, -1), read(0n, BUFFER, 100, end - 1)]
    expect(outside).toEqual([E.FAULT, E.FAULT, E.FAULT])
    expect([read(0n, BUFFER, 10, 8, 0), read(0n, BUFFER, 10, 8, 99)]).toEqual([E.BADF, E.BADF])
  }))

describe('across preopens', () => {
  test('files and folders move between those that may change, and only there', () =>
    withPreopens((guest, folder) => {
      expect([guest.rename('own', 'moved', RW, TWO), guest.rename('dir', 'moved dir', RW, TWO)]).toEqual([0, 0])
      expect(readdirSync(join(folder, 'two')).toSorted()).toEqual(['moved', 'moved dir'])
      expect([guest.rename('moved', 'own', TWO, RW), guest.rename('moved dir', 'dir', TWO, RW)]).toEqual([0, 0])
      for (const [from, to] of [
        [RO, RW],
        [RW, RO],
        [RO, RO],
      ] as const) {
        expect(guest.rename('dir', 'new', from, to)).toBe(E.ROFS)
        expect(guest.link(from === RO ? 'file' : 'own', 'new', from, to)).toBe(E.ROFS)
      }
      for (const fd of [99, -1, 1]) {
        expect([guest.rename('own', 'x', RW, fd), guest.rename('own', 'x', fd, RW)]).toEqual([E.BADF, E.BADF])
        expect([guest.link('own', 'x', RW, fd), guest.link('own', 'x', fd, RW)]).toEqual([E.BADF, E.BADF])
      }
    }))

  test('a hard link obeys the limits of the preopen through which it is opened', () =>
    withPreopens((guest) => {
      expect(guest.link('own', 'linked', RW, TWO)).toBe(0)
      const fd = guest.open('linked', { fd: TWO, rights: RIGHTS.WRITE })
      expect([guest.write(fd, '123456'), guest.write(fd, '5')]).toEqual([4, -E.NOSPC])
    }))

  test('soft links lead from no preopen into another, nor out, also by hard links to them', () =>
    withPreopens((guest, folder) => {
      symlinkSync('../secret', join(folder, 'rw/out'))
      const symlink = (target: string, fd: number, name: string) =>
        guest.call.path_symlink(...guest.put(target), fd, ...guest.put(name, 1))
      expect(symlink('file', RO, 'soft')).toBe(E.ROFS)
      expect(symlink('../ro/file', RW, 'soft')).toBe(0)
      expect([guest.open('soft', { fd: RW }), guest.open('soft', { ...CREATE, fd: RW })]).toEqual([-E.PERM, -E.PERM])
      for (const fd of [RW, TWO]) {
        expect(guest.call.path_link(RW, 0, ...guest.put('out'), fd, ...guest.put('stolen', 1))).toBe(0)
        expect(guest.open('stolen', { fd })).toBe(-E.PERM)
        // A link that follows is refused.
        expect(guest.call.path_link(RW, 1, ...guest.put('out'), fd, ...guest.put('followed', 1))).toBe(E.INVAL)
        expect(guest.open('followed', { fd })).toBe(-E.NOENT)
      }
    }))
})
