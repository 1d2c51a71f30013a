// Runs a program with an addon that AddressSanitizer watches, on Linux on x64: it finds uses of freed memory of the heap, and
// accesses beyond its ends.
//
//   node scripts/asan.mjs --expose-gc fuzz/sequences.mjs 100000
//   node scripts/asan.mjs node_modules/jest/bin/jest.js -w 1 __tests__/gc
//
// The addon is built by Rust's nightly toolchain, the first time in 20 minutes, and loads the runtime of clang
// (`apt-get install libclang-rt-19-dev`, or another version; its path may be in ASAN_RUNTIME).
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = 'x86_64-unknown-linux-gnu'
const folder = join(root, 'target', 'asan')

/** Stacks are left out: traps and switches leave frames without telling the sanitizer, which takes what they leave for errors. */
const flags = '-Zsanitizer=address -Cllvm-args=-asan-stack=0'

const options = {
  // V8 frees nothing at its end.
  detect_leaks: 0,
  // The handlers and their stacks are V8's, wasmer's and the addon's.
  handle_segv: 0,
  handle_sigbus: 0,
  handle_sigill: 0,
  handle_sigfpe: 0,
  allow_user_segv_handler: 1,
  use_sigaltstack: 0,
  detect_stack_use_after_return: 0,
  // Node frees by `free` what its libraries have allocated by `new`.
  alloc_dealloc_mismatch: 0,
  allocator_may_return_null: 1,
  abort_on_error: 1,
  // It warns of stacks that it does not know: suites expect nothing there.
  log_path: join(folder, 'log'),
}

function fail(message) {
  console.error(message)
  process.exit(2)
}

/** The shared library of clang's runtime. */
function runtime() {
  if (process.env.ASAN_RUNTIME) return process.env.ASAN_RUNTIME
  const [llvm, name] = ['/usr/lib', 'libclang_rt.asan-x86_64.so']
  const folders = readdirSync(llvm).filter((each) => each.startsWith('llvm-'))
  const clangs = folders.map((each) => join(llvm, each, 'lib', 'clang')).filter(existsSync)
  const all = clangs.flatMap((clang) => readdirSync(clang).map((version) => join(clang, version, 'lib/linux', name)))
  return (
    all.findLast((path) => existsSync(path)) ??
    fail(`${name} was not found: install libclang-rt-19-dev, or set ASAN_RUNTIME`)
  )
}

const program = process.argv.slice(2)
if (program.length === 0) fail('usage: node scripts/asan.mjs [options of node] FILE [arguments]')
const library = runtime()
execFileSync('cargo', ['build', '--locked', '--release', '--lib', '--target', target, '--target-dir', folder], {
  stdio: 'inherit',
  cwd: root,
  env: {
    ...process.env,
    RUSTUP_TOOLCHAIN: 'nightly',
    RUSTFLAGS: flags,
    CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
    CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only',
    CARGO_PROFILE_RELEASE_STRIP: 'none',
  },
})
const { status } = spawnSync(process.execPath, program, {
  stdio: 'inherit',
  env: {
    ...process.env,
    LD_PRELOAD: library,
    ASAN_OPTIONS: Object.entries(options)
      .map((option) => option.join('='))
      .join(':'),
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require=${join(root, 'scripts', 'asan-addon.cjs')}`,
    WASM_RELINK_ASAN: join(folder, target, 'release', 'libwasm_relink.so'),
  },
})
// A file of each process that has reported anything.
for (const name of readdirSync(folder).filter((each) => each.startsWith('log.'))) {
  const text = readFileSync(join(folder, name), 'utf8')
  if (text.includes('ERROR: AddressSanitizer')) console.error(text)
  rmSync(join(folder, name))
}
process.exitCode = status ?? 1
