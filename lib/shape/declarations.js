'use strict'

// The TypeScript declarations of a module.

const { basename } = require('node:path')
const { camelCase } = require('../typed/fields')
const { shapeLine } = require('./generated')
const { shapeOf } = require('./shape')
const { TypeDeclarations, comment, key, pascalCase } = require('./types')

const CORE = { i32: 'number', i64: 'bigint', f32: 'number', f64: 'number', funcref: 'WasmFunction | null' }
const CLASSES = { memory: 'Memory', table: 'Table', global: 'Global', tag: 'Tag' }

/** Words that cannot be the name of a parameter in a module. */
const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for
  function if implements import in instanceof interface let new null package private protected public return static super switch
  this throw true try typeof var void while with yield`.split(/\s+/),
)

const parameterName = (name) => (RESERVED.has(name) ? `${name}_` : name)

/** The types between the parentheses of a core type's text. */
const list = (text) =>
  text
    .replace(/^\(|\)$/g, '')
    .split(', ')
    .filter((each) => each !== '')

/** The names of the parameters of a Rust signature, if it has as many names. */
function rustNames(rust, count) {
  const names = [...(rust ?? '').split('->')[0].matchAll(/\b([a-z]\w*): /g)].map(([, name]) =>
    camelCase(name.replaceAll('_', '-')),
  )
  return names.length === count && names.every((name) => /^\w+$/.test(name)) ? names : undefined
}

/** The parameters and the result of a function in WebAssembly, from the text of its type. */
function coreFunction({ core, rust }) {
  const [, parameters, results = ''] = /^func \((.*?)\)(?: -> (.*))?$/.exec(core)
  const types = list(parameters).map((type) => CORE[type] ?? 'any')
  const names = rustNames(rust, types.length) ?? types.map((_, index) => `arg${index}`)
  const returned = list(results).map((type) => CORE[type] ?? 'any')
  return {
    parameters: types.map((type, index) => `${parameterName(names[index])}: ${type}`),
    result: returned.length === 0 ? 'void' : returned.length === 1 ? returned[0] : `[${returned.join(', ')}]`,
  }
}

/** The generated file of a module that came from `file`. */
class Declarations {
  constructor(bytes, file) {
    this.shape = shapeOf(bytes)
    this.file = basename(file)
    const stem = this.file
      .replace(/\.wasm$/, '')
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
    this.name = pascalCase(/^[A-Za-z]/.test(stem) ? stem : `plugin-${stem}`.replace(/-$/, ''))
    this.types = new TypeDeclarations([this.name, `${this.name}Imports`])
    this.classes = new Set()
  }

  /** A member of an interface for an item. */
  #member(name, item, indent) {
    const { core, docs } = item
    const isFunction = core === undefined || core.startsWith('func ')
    if (!isFunction) {
      const Class = CLASSES[core.split(' ')[0]]
      this.classes.add(Class)
      return `${indent}${key(name)}: ${Class}\n`
    }
    const { parameters, result: value, thrown } = core === undefined ? this.#typed(item) : coreFunction(item)
    const result = item.suspend ? `${value} | Promise<${value}>` : value
    if (`${parameters} ${result}`.includes('WasmFunction')) this.classes.add('WasmFunction')
    const more = thrown === undefined ? [] : [`@throws {Error} with \`payload: ${thrown}\``]
    const text = comment(docs, indent, more)
    return `${text}${indent}${key(name)}(${parameters.join(', ')}): ${result}\n`
  }

  /** The parameters and the result of a typed function. The err of a result is thrown. */
  #typed({ parameters, result }) {
    const own = parameters.map(({ name, type }) => `${parameterName(camelCase(name))}: ${this.types.of(type)}`)
    if (result === null) return { parameters: own, result: 'void' }
    if (result.kind !== 'result') return { parameters: own, result: this.types.of(result) }
    const thrown = result.err ? this.types.of(result.err) : 'undefined'
    return { parameters: own, result: result.ok ? this.types.of(result.ok) : 'void', thrown }
  }

  #members(items, indent) {
    return Object.entries(items)
      .map(([name, item]) => this.#member(name, item, indent))
      .join('')
  }

  get text() {
    const { shape, name, file } = this
    const exports = this.#members(shape.exports, '    ')
    const slots = this.#members(shape.slots, '    ')
    const imports = Object.entries(shape.imports).map(
      ([module, items]) => `  ${key(module)}: {\n${this.#members(items, '    ')}  }\n`,
    )
    const classes = [...this.classes].sort()
    return [
      `// The types of ${file}, written by \`wasm-relink types\`. Not to be edited: \`load\` compares the last line with the module.\n`,
      classes.length > 0 ? `import type { ${classes.join(', ')} } from 'wasm-relink'\n` : '',
      this.types.text,
      `/** The exports and slots of ${file}, for \`load<${name}>(…)\`. */\nexport interface ${name} {\n  exports: {\n${exports}  }\n  slots: {\n${slots}  }\n}\n`,
      `/** The imports that ${file} needs. */\nexport type ${name}Imports = {\n${imports.join('')}}\n`,
      `export default ${name}\n`,
      shapeLine(shape),
    ]
      .filter((part) => part !== '')
      .join('\n')
  }
}

/** The TypeScript declarations of a module that came from `file`. */
const declarationsOf = (bytes, file) => new Declarations(bytes, file).text

module.exports = { declarationsOf }
