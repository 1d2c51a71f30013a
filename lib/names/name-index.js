'use strict'

// The index of functions by name.

const { SuffixIndex } = require('./suffix-index')
const { baseName, namesOf } = require('./function-names')

/** Finds functions by their names. Each index is made on first use. */
class NameIndex {
  #functions
  #named
  #aliased
  #suffixes

  constructor(functions) {
    this.#functions = functions
  }

  /** The position of the function with this name; undefined if there is none. */
  named(name) {
    this.#named ??= new Map(this.#functions.map((each, position) => [each.name, position]))
    return this.#named.get(name)
  }

  /** The positions of the functions with this alias. */
  aliased(alias) {
    this.#aliased ??= this.#byAlias()
    return this.#aliased.get(alias) ?? []
  }

  /**
   * The positions, in order, of the functions that `wanted` may mean: it is a name, or the part of a name after any `::`, or
   * after the dot of an import. The number and the types of a generic function may be left out.
   */
  meant(wanted) {
    const { all, imports } = (this.#suffixes ??= this.#bySuffix())
    const found = new Set(all.equal(wanted))
    for (const position of all.ending(`::${wanted}`)) found.add(position)
    for (const position of imports.ending(`.${wanted}`)) found.add(position)
    return [...found].toSorted((a, b) => a - b)
  }

  #byAlias() {
    const aliased = new Map()
    this.#functions.forEach(({ aliases }, position) => {
      for (const alias of aliases) {
        const positions = aliased.get(alias)
        if (positions === undefined) aliased.set(alias, [position])
        else positions.push(position)
      }
    })
    return aliased
  }

  #bySuffix() {
    const all = []
    const imports = []
    this.#functions.forEach((each, position) => {
      const names = namesOf(each)
      for (const name of new Set([...names, ...names.map(baseName)])) {
        all.push([name, position])
        if (each.kind === 'import') imports.push([name, position])
      }
    })
    return { all: new SuffixIndex(all), imports: new SuffixIndex(imports) }
  }
}

module.exports = { NameIndex }
