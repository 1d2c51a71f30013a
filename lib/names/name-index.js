'use strict'

const { SuffixIndex } = require('./suffix-index')
const { bare, namesOf } = require('./function-names')

/** Finds functions by what they are called. Each part is made when it is first asked for. */
class NameIndex {
  #functions
  #named
  #aliased
  #ends

  constructor(functions) {
    this.#functions = functions
  }

  /** The position of the function of that name. */
  named(name) {
    this.#named ??= new Map(this.#functions.map((each, position) => [each.name, position]))
    return this.#named.get(name)
  }

  /** The positions of the functions that have this alias. */
  aliased(alias) {
    this.#aliased ??= this.#byAlias()
    return this.#aliased.get(alias) ?? []
  }

  /**
   * The positions of the functions, in order, that `wanted` may mean: it is one of their names, or the end of one: cut
   * at `::`, or of an import at the dot. The number and the types of a generic function may be left out.
   */
  meant(wanted) {
    const { all, imports } = (this.#ends ??= this.#byEnds())
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

  #byEnds() {
    const all = []
    const imports = []
    this.#functions.forEach((each, position) => {
      const names = namesOf(each)
      for (const name of new Set([...names, ...names.map(bare)])) {
        all.push([name, position])
        if (each.kind === 'import') imports.push([name, position])
      }
    })
    return { all: new SuffixIndex(all), imports: new SuffixIndex(imports) }
  }
}

module.exports = { NameIndex }
