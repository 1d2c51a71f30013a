'use strict'

// Conversions of enums and flags, whose values are names.

const { camelCase, fieldOf } = require('./fields')
const { Misfit, described, kindOf } = require('./misfit')
const { Encoded } = require('./scalars')

/** Names in a message. */
const oneOf = (names) => names.map((name) => JSON.stringify(name)).join(' or ')

/** An enum: the name of the case. */
class Enum extends Encoded {
  constructor(type) {
    super(type)
    this.names = type.cases.map(({ name }) => name)
    this.indices = new Map(this.names.map((name, index) => [name, index]))
  }

  encode(value) {
    const index = this.indices.get(value)
    if (index === undefined) throw new Misfit(oneOf(this.names), described(value))
    return index
  }

  decode(code) {
    if (code < this.names.length) return this.names[code]
    throw new Misfit(`a case below ${this.names.length}`, `${code}`)
  }
}

/** Flags: an object of booleans; a missing one is false. */
class Flags extends Encoded {
  constructor(type) {
    super(type)
    this.keys = type.flags.map(({ name }) => camelCase(name))
  }

  encode(value) {
    if (typeof value !== 'object' || value === null) throw new Misfit('object', kindOf(value))
    let code = 0
    this.keys.forEach((key, index) => {
      const flag = fieldOf(value, key) ?? false
      if (typeof flag !== 'boolean') throw Misfit.at(new Misfit('boolean', kindOf(flag)), `.${key}`)
      if (flag) code |= 1 << index
    })
    return code >>> 0
  }

  decode(code) {
    return Object.fromEntries(this.keys.map((key, index) => [key, ((code >>> index) & 1) === 1]))
  }
}

module.exports = { Enum, Flags, oneOf }
