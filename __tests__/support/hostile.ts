// Binaries that are hard to read: large, deep or slow.
import { custom, leb, list, module, name, oneType, section } from './binary'

export type ModuleBytes = Uint8Array<ArrayBuffer>

const [END, BLOCK, NOTHING] = [0x0b, 0x02, 0x40]

/** A list of different entries. */
function numbered(count: number, entry: (index: number) => number[]): number[] {
  const entries = leb(count)
  for (let index = 0; index < count; index++) for (const byte of entry(index)) entries.push(byte)
  return entries
}

const repeated = (count: number, entry: number[]) => Array.from({ length: count }, () => entry).flat()

/** A function body, with its length. */
const body = (locals: number[], code: readonly number[]) =>
  [leb(locals.length + code.length + 1), locals, code, [END]].flat()

/** `count` functions of one type, with this body. */
const functions = (count: number, each = body([0], [])) => [list('function', count, [0]), list('code', count, each)]

/** A name section with names for functions. */
const functionNames = (names: number[]) => custom('name', [1, ...leb(names.length), ...names])

/** A module of functions that have these names. */
function called(count: number, nameOf: (index: number) => string): ModuleBytes {
  const names = numbered(count, (index) => [...leb(index), ...name(nameOf(index))])
  return module(oneType, ...functions(count), functionNames(names))
}

/** A v0 symbol that refers back to its own parts: each level contains the one before it twice. */
function doubling(levels: number): string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
  const base62 = (value: number): string => {
    if (value === 0) return '_'
    let text = '_'
    for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = digits[--rest % 62] + text
    return text
  }
  let symbol = '_RINvC1a1bTmmE'
  for (let last = 8, level = 0; level < levels; level++) {
    const back = `B${base62(last)}`
    last = symbol.length - 2
    symbol += `T${back}${back}E`
  }
  return `${symbol}E`
}

const record = (title: string) =>
  `${JSON.stringify({ name: title, signature: '()', types: { parameters: [], results: [] }, version: 1 })}\n`

/** Large modules, by the part that is large; only the limits of engines bound their size. */
export const large: Record<string, () => ModuleBytes> = {
  'a million types': () => module(list('type', 1_000_000, [0x60, 0, 0])),
  'a million functions': () => module(oneType, ...functions(1_000_000)),
  'a tenth of that': () => module(oneType, ...functions(100_000)),
  'a million calls': () => module(oneType, ...functions(1, body([0], repeated(1_000_000, [0x10, 0])))),
  'many exports of one function': () => {
    const exports = numbered(100_000, (index) => [...name(`${index}`), 0, 0])
    return module(oneType, list('function', 1, [0]), section('export', exports), list('code', 1, body([0], [])))
  },
  'many exports of many functions': () => {
    const exports = numbered(100_000, (index) => [...name(`${index}`), 0, ...leb(index)])
    return module(
      oneType,
      list('function', 100_000, [0]),
      section('export', exports),
      list('code', 100_000, body([0], [])),
    )
  },
  'many imports, all of one name': () => module(oneType, list('import', 100_000, [0, 0, 0, 0])),
  'many imports of one declared slot': () => {
    const imports = list('import', 50_000, [...name('relink'), 1, 0x66, 0, 0])
    const exports = section('export', [1, ...name('relink:f'), 0, ...leb(50_000)])
    return module(oneType, imports, list('function', 1, [0]), exports, list('code', 1, body([0], [])))
  },
  'many declared slots': () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `${index}`)
    const imports = section(
      'import',
      numbered(20_000, (index) => [...name('relink'), ...name(`${index}`), 0, 0]),
    )
    const exports = section(
      'export',
      numbered(20_000, (index) => [...name(`relink:${index}`), 0, ...leb(20_000 + index)]),
    )
    const [defined, code] = functions(20_000)
    const records = custom('relink', Buffer.from(names.map(record).join('')))
    return module(oneType, imports, defined!, exports, code!, records)
  },
  'a million globals': () => module(list('global', 1_000_000, [0x7f, 0, 0x41, 0, END])),
  'many segments': () => {
    const table = section('table', [1, 0x70, 0, 1])
    const elements = list('element', 100_000, [0, 0x41, 0, END, 1, 0])
    return module(oneType, list('function', 1, [0]), table, elements, list('code', 1, body([0], [])))
  },
  'many custom sections': () => module(...Array(100_000).fill(custom('', []))),
  'types that are more than they look': () => {
    const many = section('type', [
      1,
      0x60,
      ...leb(1000),
      ...Array(1000).fill(0x7f),
      ...leb(1000),
      ...Array(1000).fill(0x7f),
    ])
    return module(many, list('import', 1000, [0, 0, 0, 0]))
  },
  'blocks in blocks': () => {
    const code = [...repeated(200_000, [BLOCK, NOTHING]), ...repeated(200_000, [END])]
    return module(oneType, ...functions(1, body([0], code)))
  },
  'a jump with many targets': () => {
    const code = [0x41, 0, 0x0e, ...leb(100_000), ...Array(100_001).fill(0)]
    return module(oneType, ...functions(1, body([0], code)))
  },
  'all the locals that there may be': () => module(oneType, ...functions(1000, body([1, ...leb(50_000), 0x7f], []))),
  'a name as long as the file': () => called(1, () => 'x'.repeat(2_000_000)),
  'one name for all': () => called(50_000, () => 'f'),
  'names that look like those of their neighbours': () =>
    called(40_000, (index) => (index < 20_000 ? 'f' : `f#${index - 20_000}`)),
  'names that are longer the deeper one looks': () => called(1000, () => doubling(40)),
  'names that begin, and do not end': () => called(1000, () => `_RNv${'Nt'.repeat(500)}`),
  'records in records': () => module(custom('relink', Buffer.from('['.repeat(1_000_000)))),
  'names with punycode': () => called(1000, () => `_RNvC1au${600}_${'a'.repeat(599)}`),
  'names of locals': () => {
    const inner = numbered(300_000, (index) => [...leb(index), 1, 0x78])
    return module(oneType, ...functions(1), custom('name', [2, ...leb(inner.length + 2), 1, 0, ...inner]))
  },
}
