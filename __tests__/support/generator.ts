// Modules that wasm-smith generates, by their numbers.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '.'

/** Builds the generator offline; takes half a minute, once. */
export function buildGenerator() {
  const manifest = join(root, 'fuzz', 'Cargo.toml')
  execFileSync('cargo', ['build', '--locked', '--package', 'generate', '--manifest-path', manifest], { stdio: 'pipe' })
}

/** Writes the modules from `first` to before `first + count`, and returns the paths of their files. */
export function generate(directory: string, first: number, count: number): string[] {
  mkdirSync(directory, { recursive: true })
  const program = join(root, 'fuzz', 'target', 'debug', `generate${process.platform === 'win32' ? '.exe' : ''}`)
  execFileSync(program, [directory, `${first}`, `${count}`], { stdio: 'pipe' })
  const files = readdirSync(directory).map((name) => ({ number: Number.parseInt(name, 10), name }))
  return files
    .filter(({ number }) => number >= first && number < first + count)
    .sort((a, b) => a.number - b.number)
    .map(({ name }) => join(directory, name))
}
