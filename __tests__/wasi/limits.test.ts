// Hostile arguments: limits of a preopen by every way to write, changes by every way through a read-only one, polls, cookies.
import { linkSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, FOLDER, FOLLOW, Guest, O, RIGHTS, inFolder } from '../support/wasi-guest'

const BOTH = RIGHTS.READ | RIGHTS.WRITE

test('a number of a closed descriptor is given again; only preopens have a name', () =>
  inFolder((folder) => {
    writeFileSync(join(folder, 'file'), 'content')
    const guest = Guest.of({ preopens: { '/': folder } })
    const [first, second] = [guest.open('file'), guest.open('.', { open: O.DIRECTORY })]
    expect([first, second]).toEqual([FOLDER + 1, FOLDER + 2])
    expect(guest.call.fd_prestat_get(FOLDER, 8)).toBe(0)
    expect(guest.call.fd_prestat_get(second, 8)).not.toBe(0)
    expect(guest.call.fd_close(first)).toBe(0)
    expect(guest.open('file')).toBe(first)
  }))

test('bytes are counted on each way to write, and given back when nothing was written', () =>
  inFolder((folder) => {
    const guest = Guest.of({ preopens: { '/': { path: folder, limits: { bytesWritten: 8 } } } })
    const fd = guest.open('a', { open: O.CREATE, rights: BOTH })
    expect(guest.call.fd_filestat_set_size(fd, 9n)).toBe(E.NOSPC)
    expect(guest.call.fd_filestat_set_size(fd, 3n)).toBe(0)
    expect(guest.write(fd, '12345')).toBe(5)
    expect(guest.link('a', 'b')).toBe(0)
    const other = guest.open('b', { rights: BOTH, flags: 1 })
    expect(guest.write(other, 'x')).toBe(-E.NOSPC)
    expect(statSync(join(folder, 'a')).size).toBe(5)
    const reader = guest.open('a')
    expect(guest.write(reader, 'x')).toBe(-E.BADF)
  }))

test('a read-only preopen does not change through links, folders below it, or renumbered descriptors', () =>
  inFolder((folder) => {
    for (const name of ['ro', 'rw', 'ro/sub']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'ro/sub/file'), 'content')
    linkSync(join(folder, 'ro/sub/file'), join(folder, 'ro/hard'))
    symlinkSync('sub/file', join(folder, 'ro/soft'))
    const guest = Guest.of({
      preopens: { '/ro': { path: join(folder, 'ro'), readOnly: true }, '/rw': join(folder, 'rw') },
    })
    const sub = guest.open('sub', { open: O.DIRECTORY })
    for (const options of [
      { rights: RIGHTS.WRITE },
      { open: O.TRUNCATE },
      { open: O.CREATE | O.TRUNCATE },
      { flags: 1 },
      { open: O.CREATE, rights: BOTH },
    ]) {
      for (const path of ['hard', 'soft']) expect(guest.open(path, options)).toBe(-E.ROFS)
      expect(guest.open('file', { ...options, fd: sub })).toBe(-E.ROFS)
    }
    expect(guest.call.path_filestat_set_times(FOLDER, FOLLOW, ...guest.put('soft'), 1n, 1n, 5)).toBe(E.ROFS)
    expect(guest.call.path_create_directory(sub, ...guest.put('new'))).toBe(E.ROFS)
    expect(guest.rename('file', 'moved', sub, FOLDER + 1)).toBe(E.ROFS)
    expect(guest.link('file', 'linked', sub, FOLDER + 1)).toBe(E.ROFS)
    expect(readFileSync(join(folder, 'ro/sub/file'), 'utf8')).toBe('content')
    expect(readdirSync(join(folder, 'rw'))).toEqual([])
  }))

test('trailing slashes, dots and long paths are errnos in every call that takes a path', () =>
  inFolder((folder) => {
    mkdirSync(join(folder, 'inside'))
    mkdirSync(join(folder, 'outside'))
    writeFileSync(join(folder, 'inside/own'), 'own')
    symlinkSync('../outside', join(folder, 'inside/out'))
    const guest = Guest.of({ preopens: { '/': join(folder, 'inside') } })
    for (const path of ['own/', 'out/', 'out/x/', '../outside/', '..', '', 'x/'.repeat(3000), `${'y'.repeat(5000)}/`]) {
      const calls = [
        guest.call.path_unlink_file(FOLDER, ...guest.put(path)),
        guest.call.path_readlink(FOLDER, ...guest.put(path), 4096, 64, 8),
        guest.call.path_remove_directory(FOLDER, ...guest.put(path)),
        guest.symlink('own', path),
        guest.link('own', path),
        guest.rename('own', path),
      ]
      for (const errno of calls) expect(errno).toBeGreaterThan(0)
    }
    expect(readdirSync(join(folder, 'outside'))).toEqual([])
    expect(readdirSync(join(folder, 'inside')).toSorted()).toEqual(['out', 'own'])
  }))

test('polls of a thousand, of absurd times and of what is not open are results or errnos', () =>
  inFolder(() => {
    const guest = Guest.of({ stdin: null, stdout: null })
    const view = () => new DataView(guest.memory.buffer as ArrayBuffer)
    const subscribe = (index: number, tag: number, fill: (at: number) => void) => {
      const at = 16384 + 48 * index
      for (let offset = 0; offset < 48; offset += 8) view().setBigUint64(at + offset, 0n, true)
      view().setUint8(at + 8, tag)
      fill(at)
    }
    for (let index = 0; index < 1000; index++) subscribe(index, 2, (at) => view().setUint32(at + 16, 1, true))
    expect([guest.call.poll_oneoff(16384, 65536, 1000, 8), guest.result()]).toEqual([0, 1000])
    subscribe(0, 1, (at) => view().setUint32(at + 16, 999, true))
    expect(guest.call.poll_oneoff(16384, 65536, 1, 8)).toBe(E.BADF)
    // A time that has passed, beside one that never comes.
    subscribe(0, 0, (at) => (view().setUint32(at + 16, 1, true), view().setUint16(at + 40, 1, true)))
    subscribe(1, 0, (at) => (view().setUint32(at + 16, 1, true), view().setBigUint64(at + 24, 1n << 62n, true)))
    expect([guest.call.poll_oneoff(16384, 65536, 2, 8), guest.result()]).toEqual([0, 1])
    expect(guest.call.poll_oneoff(16384, 65536, 0, 8)).toBe(E.INVAL)
    expect(guest.call.poll_oneoff(16384, 65536, 2 ** 31, 8)).toBe(E.INVAL)
  }))
