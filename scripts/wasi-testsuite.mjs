// Runs the modules of WebAssembly/wasi-testsuite for preview 1, as its specification says, on both compilers and with and
// without slots: `node scripts/wasi-testsuite.mjs FOLDER`. FOLDER is a copy of the branch `prod/testsuite-base`, or any folder
// with modules and their `.json` files beside them.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { load } = createRequire(import.meta.url)('..')

export const COMPILERS = ['cranelift', 'singlepass']
export const SLOTS = [undefined, 'none']

/** The modules for preview 1 in a folder and below it. */
export function modulesIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  const paths = files
    .filter((file) => file.isFile() && file.name.endsWith('.wasm'))
    .map((file) => join(file.parentPath, file.name))
  const ours = paths.filter((path) => !/wasm32-wasip[23]|wasm32-wasi-p/.test(path))
  return ours.sort()
}

/** Runs one module in a copy of its folder. Returns what it did that its specification does not say; undefined for nothing. */
export async function runModule(path, { compiler, slots }) {
  const file = path.replace(/\.wasm$/, '.json')
  const specification = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const { args = [], env = {}, root = null, exit_code = 0, stdout, stderr } = specification
  const scratch = mkdtempSync(join(tmpdir(), 'wasi-testsuite-'))
  const written = { stdout: '', stderr: '' }
  const write = (name) => (chunk) => void (written[name] += chunk.toString('latin1'))
  try {
    const files = join(dirname(path), root ?? '')
    // The committed choice leaves out folders whose files its modules do not need.
    if (root && existsSync(files)) cpSync(files, join(scratch, 'root'), { recursive: true })
    else mkdirSync(join(scratch, 'root'))
    const wasi = {
      args: [basename(path), ...args],
      env,
      preopens: root ? { '/': join(scratch, 'root') } : {},
      stdin: null,
      stdout: write('stdout'),
      stderr: write('stderr'),
    }
    const instance = await load(path, {}, { compiler, slots, wasi })
    const code = instance.start()
    instance.close()
    if (code !== exit_code) return `exit code ${code}, expected ${exit_code}: ${written.stderr}`
    if (stdout !== undefined && written.stdout !== stdout)
      return `stdout ${JSON.stringify(written.stdout)}, expected ${JSON.stringify(stdout)}`
    if (stderr && written.stderr !== stderr) return `stderr ${JSON.stringify(written.stderr)}`
    return undefined
  } catch (error) {
    return `${error.stack}\n${written.stderr}`
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2]
  if (folder === undefined) throw new TypeError('expected the folder of the test suite as the argument')
  const modules = modulesIn(folder)
  let failed = 0
  for (const compiler of COMPILERS) {
    for (const slots of SLOTS) {
      let passed = 0
      for (const path of modules) {
        const fault = await runModule(path, { compiler, slots })
        if (fault === undefined) passed++
        else console.log(`FAILED ${path}: ${fault}`)
      }
      failed += modules.length - passed
      console.log(`${compiler}, slots ${slots ?? 'by default'}: ${passed} of ${modules.length} passed`)
    }
  }
  process.exitCode = failed === 0 && modules.length > 0 ? 0 : 1
}
