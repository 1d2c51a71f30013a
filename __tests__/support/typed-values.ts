// Random types of typed functions in WIT, with random values of them.

export type Random = () => number

/** Random numbers from 0 to below 1, the same for a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A type: its text in WIT, and a maker of values. */
export interface RandomType {
  text: string
  value: () => unknown
  /** Whether `undefined` is a value */
  optional?: boolean
}

const ARRAYS = {
  u8: Uint8Array,
  s8: Int8Array,
  u16: Uint16Array,
  s16: Int16Array,
  u32: Uint32Array,
  s32: Int32Array,
  u64: BigUint64Array,
  s64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
}
type Number = keyof typeof ARRAYS

/** A typed array of numbers. */
const arrayOf = (number: Number, values: unknown[]) => {
  const numbers: { from(values: unknown[]): unknown } = ARRAYS[number] as never
  return numbers.from(values)
}

/** Makes types; `definitions` has the named ones. */
export class Types {
  definitions: string[] = []
  #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  #below(count: number) {
    return Math.floor(this.#random() * count)
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }

  #number(kind: Number): number | bigint {
    const bits = Number.parseInt(kind.slice(1), 10)
    if (kind.startsWith('f')) {
      const value = this.#pick([0, -0, NaN, Infinity, -1.5, 2 ** -149, this.#random() * 1e9])
      return kind === 'f32' ? Math.fround(value) : value
    }
    const signed = kind.startsWith('s')
    const [least, most] = signed
      ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
      : [0n, 2n ** BigInt(bits) - 1n]
    const value = this.#pick([least, most, 0n, 1n, least + BigInt(this.#below(100))])
    return bits === 64 ? value : globalThis.Number(value)
  }

  #string() {
    const texts = ['', 'a', 'hello', '\0', 'grüße', '日本語', '𝄞', 'x'.repeat(this.#below(300)), 'é'.repeat(13)]
    return this.#pick(texts)
  }

  #many<T>(make: () => T, most = 4): T[] {
    return Array.from({ length: this.#below(most + 1) }, make)
  }

  #define(kind: string, body: string) {
    const name = `t${this.definitions.length}`
    this.definitions.push(`${kind} ${name} { ${body} }`)
    return name
  }

  type(depth: number): RandomType {
    const scalars = Object.keys(ARRAYS) as Number[]
    const leaves = [...scalars, 'bool', 'char', 'string', 'enum', 'flags'] as const
    const inner = ['list', 'fixed', 'option', 'result', 'record', 'tuple', 'variant', 'numbers'] as const
    const kind = depth === 0 ? this.#pick(leaves) : this.#pick([...leaves, ...inner, ...inner, ...inner])
    const next = () => this.type(depth - 1)
    switch (kind) {
      case 'bool':
        return { text: 'bool', value: () => this.#random() < 0.5 }
      case 'char':
        return { text: 'char', value: () => this.#pick(['a', '\0', 'é', '𝄞', '\uffff']) }
      case 'string':
        return { text: 'string', value: () => this.#string() }
      case 'enum': {
        const names = Array.from({ length: this.#pick([1, 2, 300]) }, (_, index) => `case-a${index}`)
        return { text: this.#define('enum', names.join(', ')), value: () => this.#pick(names) }
      }
      case 'flags': {
        const names = Array.from({ length: this.#pick([1, 8, 9, 17, 32]) }, (_, index) => `flag-a${index}`)
        const value = () => Object.fromEntries(names.map((name) => [name.replace(/-a/, 'A'), this.#random() < 0.5]))
        return { text: this.#define('flags', names.join(', ')), value }
      }
      case 'list': {
        const element = next()
        if (Object.hasOwn(ARRAYS, element.text))
          return { text: 'list<string>', value: () => this.#many(() => this.#string()) }
        return { text: `list<${element.text}>`, value: () => this.#many(element.value) }
      }
      case 'numbers': {
        const number = this.#pick(scalars)
        const value = () =>
          arrayOf(
            number,
            this.#many(() => this.#number(number), 9),
          )
        return { text: `list<${number}>`, value }
      }
      case 'fixed': {
        const [element, length] = [next(), 1 + this.#below(5)]
        const all = () => Array.from({ length }, element.value)
        const value = Object.hasOwn(ARRAYS, element.text) ? () => arrayOf(element.text as Number, all()) : all
        return { text: `list<${element.text}, ${length}>`, value }
      }
      case 'option': {
        const element = next()
        const some = () => (element.optional ? { tag: 'some', val: element.value() } : element.value())
        const none = element.optional ? { tag: 'none' } : undefined
        const value = () => (this.#random() < 0.4 ? none : some())
        // Whatever the element is, this is an option.
        return { text: `option<${element.text}>`, value, optional: true }
      }
      case 'result': {
        const [ok, err] = [this.#random() < 0.8 ? next() : undefined, this.#random() < 0.8 ? next() : undefined]
        const names = err === undefined ? (ok === undefined ? '' : `<${ok.text}>`) : `<${ok?.text ?? '_'}, ${err.text}>`
        const value = () => {
          const [tag, type] = this.#pick([['ok', ok], ['err', err]] as const) // prettier-ignore
          return type === undefined ? { tag } : { tag, val: type.value() }
        }
        return { text: `result${names}`, value }
      }
      case 'record': {
        const fields = Array.from({ length: 1 + this.#below(5) }, (_, index) => ({ index, type: next() }))
        const body = fields.map(({ index, type }) => `field-a${index}: ${type.text}`).join(', ')
        const value = () => Object.fromEntries(fields.map(({ index, type }) => [`fieldA${index}`, type.value()]))
        return { text: this.#define('record', body), value }
      }
      case 'tuple': {
        const elements = Array.from({ length: 1 + this.#below(4) }, next)
        const value = () => elements.map((element) => element.value())
        return { text: `tuple<${elements.map(({ text }) => text).join(', ')}>`, value }
      }
      case 'variant': {
        const cases = Array.from({ length: 1 + this.#below(5) }, (_, index) => ({
          tag: `case-a${index}`,
          type: this.#random() < 0.7 ? next() : undefined,
        }))
        const body = cases.map(({ tag, type }) => (type === undefined ? tag : `${tag}(${type.text})`)).join(', ')
        const value = () => {
          const { tag, type } = this.#pick(cases)
          return type === undefined ? { tag } : { tag, val: type.value() }
        }
        return { text: this.#define('variant', body), value }
      }
      default:
        return { text: kind, value: () => this.#number(kind) }
    }
  }
}
