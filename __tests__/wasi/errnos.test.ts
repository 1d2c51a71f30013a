// Each failure of the system is an errno for the guest, and never an error of the host.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { E, FOLDER, Guest, RIGHTS, inFolder } from '../support/wasi-guest'

test('opening a named pipe for writing, without a reader, is ENXIO', () =>
  inFolder((folder) => {
    if (spawnSync('mkfifo', [join(folder, 'pipe')]).status !== 0) return
    expect(Guest.of({ preopens: { '/': folder } }).open('pipe', { rights: RIGHTS.WRITE })).toBe(-E.NXIO)
  }))

test('moving and linking files between file systems is EXDEV', () =>
  inFolder((folder) => {
    const shared = '/dev/shm'
    if (!existsSync(shared) || statSync(shared).dev === statSync(folder).dev) return
    const other = mkdtempSync(join(shared, 'wasi-'))
    try {
      writeFileSync(join(folder, 'file'), 'content')
      const guest = Guest.of({ preopens: { '/': folder, '/other': other } })
      expect(guest.rename('file', 'moved', FOLDER, FOLDER + 1)).toBe(E.XDEV)
      expect(guest.link('file', 'linked', FOLDER, FOLDER + 1)).toBe(E.XDEV)
      expect(guest.cat('file')).toBe('content')
    } finally {
      rmSync(other, { recursive: true, force: true })
    }
  }))
