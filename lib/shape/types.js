'use strict'

// The TypeScript of the types of typed functions.

const { camelCase } = require('../typed/fields')

const SCALARS = { bool: 'boolean', char: 'string', string: 'string', json: 'unknown', s64: 'bigint', u64: 'bigint' }
for (const kind of ['s8', 's16', 's32', 'u8', 'u16', 'u32', 'f32', 'f64']) SCALARS[kind] = 'number'

const ARRAYS = {
  u8: 'Uint8Array',
  s8: 'Int8Array',
  u16: 'Uint16Array',
  s16: 'Int16Array',
  u32: 'Uint32Array',
  s32: 'Int32Array',
  u64: 'BigUint64Array',
  s64: 'BigInt64Array',
  f32: 'Float32Array',
  f64: 'Float64Array',
}

/** Names that mean something else in the generated file. */
const TAKEN = new Set([...Object.values(ARRAYS), 'Array', 'Error', 'Memory', 'Table', 'Global', 'Tag', 'WasmFunction'])

const pascalCase = (name) => camelCase(name).replace(/^./, (first) => first.toUpperCase())

/** A property's name as it is written. */
const key = (name) =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : /['\\\n\r]/.test(name) ? JSON.stringify(name) : `'${name}'`

const literal = (text) => `'${text}'`

/** A documentation comment, with its line break; nothing without docs. */
function comment(docs, indent = '', more = []) {
  const lines = [...(docs ?? '').trim().split('\n'), ...more].filter((line, index) => line !== '' || index > 0)
  if (lines.length === 0) return ''
  const safe = lines.map((line) => line.trimEnd().replaceAll('*/', '*\u200b/'))
  if (safe.length === 1) return `${indent}/** ${safe[0]} */\n`
  return `${indent}/**\n${safe.map((line) => `${indent} *${line && ` ${line}`}\n`).join('')}${indent} */\n`
}

/** The declarations of named types: records, variants, enums and flags, each once. */
class TypeDeclarations {
  /** By name: the structure that it was declared for, and its text */
  #declared = new Map()

  /** `reserved` are names of the file that no type may have. */
  constructor(reserved) {
    this.reserved = new Set([...TAKEN, ...reserved])
  }

  /** The TypeScript of a type. */
  of(type) {
    const { kind } = type
    if (SCALARS[kind]) return SCALARS[kind]
    switch (kind) {
      case 'list':
        return ARRAYS[type.element.kind] ?? `${this.#element(type.element)}[]`
      case 'fixed-list':
        return ARRAYS[type.element.kind] ?? `[${Array(type.length).fill(this.of(type.element)).join(', ')}]`
      case 'option':
        return type.element.kind === 'option'
          ? `({ tag: 'none' } | { tag: 'some'; val: ${this.of(type.element)} })`
          : `${this.of(type.element)} | undefined`
      case 'tuple':
        return `[${type.elements.map((element) => this.of(element)).join(', ')}]`
      case 'result':
        return `${tagged('ok', type.ok && this.of(type.ok))} | ${tagged('err', type.err && this.of(type.err))}`
      default:
        return this.#named(type)
    }
  }

  #element(type) {
    const text = this.of(type)
    return / \| /.test(text) ? `(${text})` : text
  }

  /** The name of a named type, which is declared at its first use. A name that another structure has gets a number. */
  #named(type) {
    const body = this.#body(type)
    const base = pascalCase(type.name ?? type.kind)
    for (let number = 1; ; number++) {
      const name = number === 1 ? base : `${base}${number}`
      const known = this.#declared.get(name)
      if (known === undefined && !this.reserved.has(name)) {
        this.#declared.set(name, { body, text: `${comment(type.docs)}export ${body(name)}\n`, key: body('') })
        return name
      }
      if (known !== undefined && known.key === body('')) return name
    }
  }

  /** The declaration of a type, by its name. */
  #body(type) {
    const { kind } = type
    if (kind === 'enum') {
      const cases = type.cases.map(({ name, docs }) => `\n${comment(docs, '  ')}  | ${literal(name)}`).join('')
      return (name) => `type ${name} =${cases}`
    }
    if (kind === 'variant') {
      const cases = type.cases.map(({ name, docs, type: payload }) => {
        return `\n${comment(docs, '  ')}  | ${tagged(name, payload && this.of(payload))}`
      })
      return (name) => `type ${name} =${cases.join('')}`
    }
    const fields = (kind === 'flags' ? type.flags : type.fields).map(({ name, docs, type: field }) => {
      const own = key(camelCase(name))
      if (kind === 'flags') return `${comment(docs, '  ')}  ${own}?: boolean\n`
      const isOptional = field.kind === 'option' && field.element.kind !== 'option'
      return `${comment(docs, '  ')}  ${own}${isOptional ? '?' : ''}: ${this.of(field)}\n`
    })
    return (name) => `interface ${name} {\n${fields.join('')}}`
  }

  /** All declarations, in the order of their first use. */
  get text() {
    return [...this.#declared.values()].map(({ text }) => text).join('\n')
  }
}

const tagged = (tag, payload) => (payload ? `{ tag: ${literal(tag)}; val: ${payload} }` : `{ tag: ${literal(tag)} }`)

module.exports = { TypeDeclarations, comment, key, pascalCase }
