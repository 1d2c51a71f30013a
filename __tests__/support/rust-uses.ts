// The uses among the files of `src`: which file imports items of which other file.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const src = join(__dirname, '../../src')

/** The texts of the modules, without comments and tests, by path: `store::gc::mark`, `store` for its `mod.rs`. */
function modules(): Map<string, string> {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'))
  const rust = files.filter((path) => path.endsWith('.rs') && !/(^|\/)(tests|test_support)(\/|\.rs$)/.test(path))
  return new Map(
    rust.map((path) => {
      const name = path.replace(/(\/mod)?\.rs$/, '').replaceAll('/', '::')
      const [code] = readFileSync(join(src, path), 'utf8')
        .replaceAll(/\/\/.*/g, '')
        .split('#[cfg(test)]\nmod tests {')
      return [name === 'lib' ? '' : name, code!]
    }),
  )
}

/** The paths of a use tree: `a::{b, c::{d, e as f}}` has three. */
function expand(tree: string): string[] {
  const open = tree.indexOf('{')
  if (open === -1) return [tree.trim()]
  const [before, inner] = [tree.slice(0, open), tree.slice(open + 1, tree.lastIndexOf('}'))]
  const items = ['']
  let depth = 0
  for (const character of inner) {
    if (character === ',' && depth === 0) items.push('')
    else items.push(items.pop()! + character)
    depth += Number(character === '{') - Number(character === '}')
  }
  return items
    .filter((item) => item.trim() !== '')
    .flatMap((item) => expand(`${before}${item}`.replaceAll(/\s+/g, ' ')))
}

/** The uses: for each module, the modules whose items it imports. Re-exports are followed to the module that defines the item. */
export function uses(): Map<string, Set<string>> {
  const texts = modules()
  const reexports = new Map<string, string[]>()
  const paths = new Map<string, string[][]>()
  for (const [name, text] of texts) {
    const here = name === '' ? [] : name.split('::')
    const found: string[][] = []
    for (const [, visible, tree] of text.matchAll(/(pub(?:\([^)]*\))? )?\buse ([^;]+);/g)) {
      for (const item of expand(tree!)) {
        const [path, alias] = item.split(' as ') as [string, string?]
        const parts = path.split('::').map((part) => part.trim())
        const first = parts[0]!
        if (first === 'crate') parts.shift()
        else if (first === 'self') parts.splice(0, 1, ...here)
        else if (first === 'super') {
          const up = parts.findIndex((part) => part !== 'super')
          parts.splice(0, up, ...here.slice(0, -up))
        } else if (texts.has([...here, first].join('::'))) parts.unshift(...here)
        else continue
        if (visible !== undefined) reexports.set([...here, alias ?? parts.at(-1)!].join('::'), parts)
        found.push(parts)
      }
    }
    const inline = text.replaceAll(/\buse [^;]+;/g, '').matchAll(/\bcrate((?:::\w+)+)/g)
    paths.set(name, [...found, ...[...inline].map(([, path]) => path!.slice(2).split('::'))])
  }
  const resolve = (parts: string[]): string => {
    let at = ''
    for (const [index, part] of parts.entries()) {
      const next = at === '' ? part : `${at}::${part}`
      const target = reexports.get(next)
      if (!texts.has(next)) return target ? resolve([...target, ...parts.slice(index + 1)]) : at
      at = next
    }
    return at
  }
  return new Map(
    [...paths].map(([name, all]) => {
      // A facade names its own files to export their items.
      const others = all
        .map(resolve)
        .filter((other) => other !== name && other !== '' && !other.startsWith(`${name}::`))
      return [name, new Set(others)]
    }),
  )
}
