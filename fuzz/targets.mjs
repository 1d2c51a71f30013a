// Builds a target of fuzz/targets for libFuzzer, with the installed compiler, and runs it until it is stopped.
//
//   node fuzz/targets.mjs TARGET [options of libFuzzer]
//
// Compiler options replace cargo-fuzz, so the stable toolchain suffices. Findings are kept in fuzz/failures.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seeds } from './targets/seeds.mjs'

const [target, ...options] = process.argv.slice(2)
if (!Object.hasOwn(seeds, target)) {
  console.error(`usage: node fuzz/targets.mjs ${Object.keys(seeds).join('|')} [options of libFuzzer]`)
  process.exit(2)
}

const here = dirname(fileURLToPath(import.meta.url))
const instrumented = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Cdebug-assertions',
  '-Coverflow-checks',
  '-Ccodegen-units=1',
]

const host = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1]
const directory = join(here, 'target', 'libfuzzer')
// With --target, build scripts are built without these flags.
const build = ['build', '--locked', '--release', '--package', 'targets', '--target', host, '--target-dir', directory]
execFileSync('cargo', [...build, '--manifest-path', join(here, 'Cargo.toml')], {
  stdio: 'inherit',
  env: { ...process.env, RUSTFLAGS: instrumented.join(' ') },
})

const [corpus, failures] = [join(here, 'target', 'corpus', target), join(here, 'failures')]
for (const each of [corpus, failures]) mkdirSync(each, { recursive: true })
for (const [name, bytes] of seeds[target]()) writeFileSync(join(corpus, name), bytes)

const program = join(directory, host, 'release', target)
// Given files run without the corpus.
const inputs = options.every((option) => option.startsWith('-')) ? [corpus] : []
const limits = [`-artifact_prefix=${failures}/`, '-max_len=30000']
const { status } = spawnSync(program, [...inputs, ...limits, ...options], { stdio: 'inherit' })
process.exitCode = status ?? 1
