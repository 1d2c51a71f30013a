'use strict'

// Conversions of records and tuples.

const { Conversion } = require('./scalars')
const { Misfit, kindOf } = require('./misfit')

/** A property of the user's object; undefined for a method that every object inherits, such as `constructor`. */
function fieldOf(value, key) {
  const field = value[key]
  return typeof field === 'function' && key in Object.prototype && !Object.hasOwn(value, key) ? undefined : field
}

/** A type whose values are objects of fields, one after the other in memory. */
class Fields extends Conversion {
  /** `keys` are the properties, and `parts` their parts in paths */
  constructor(type, conversions, keys, parts) {
    super(type)
    this.conversions = conversions
    this.keys = keys
    this.parts = parts
    this.offsets = type.offsets ?? []
    this.allocates = conversions.some((each) => each.allocates)
    this.atomic = !this.allocates || (conversions.length === 1 && conversions[0].atomic)
  }

  check(value) {
    this.refuse(value)
    const { conversions, keys } = this
    let index = 0
    try {
      for (; index < keys.length; index++) conversions[index].check(fieldOf(value, keys[index]))
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  lower(guest, value, core, start) {
    this.refuse(value)
    const { conversions, keys } = this
    let index = 0
    try {
      for (let position = start; index < keys.length; index++) {
        const conversion = conversions[index]
        conversion.lower(guest, fieldOf(value, keys[index]), core, position)
        position += conversion.flat.length
      }
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  lift(guest, core, start) {
    const { conversions, keys } = this
    const value = this.empty()
    let index = 0
    try {
      for (let position = start; index < keys.length; index++) {
        const conversion = conversions[index]
        value[keys[index]] = conversion.lift(guest, core, position)
        position += conversion.flat.length
      }
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
    return value
  }

  store(guest, value, address) {
    this.refuse(value)
    const { conversions, keys, offsets } = this
    let index = 0
    try {
      for (; index < keys.length; index++) {
        conversions[index].store(guest, fieldOf(value, keys[index]), address + offsets[index])
      }
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  load(guest, address) {
    const { conversions, keys, offsets } = this
    const value = this.empty()
    let index = 0
    try {
      for (; index < keys.length; index++) value[keys[index]] = conversions[index].load(guest, address + offsets[index])
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
    return value
  }
}

/** The name of a field, a parameter or an export in JavaScript. */
const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())

class Record extends Fields {
  constructor(type, conversions) {
    const keys = type.fields.map(({ name }) => camelCase(name))
    super(
      type,
      conversions,
      keys,
      keys.map((key) => `.${key}`),
    )
  }

  refuse(value) {
    if (typeof value !== 'object' || value === null) throw new Misfit('object', kindOf(value))
  }

  empty() {
    return {}
  }
}

class Tuple extends Fields {
  constructor(type, conversions) {
    const keys = type.elements.map((_, index) => index)
    super(
      type,
      conversions,
      keys,
      keys.map((key) => `[${key}]`),
    )
  }

  refuse(value) {
    if (!Array.isArray(value)) throw new Misfit('array', kindOf(value))
    if (value.length !== this.keys.length) throw new Misfit(`${this.keys.length} elements`, `${value.length}`)
  }

  empty() {
    return []
  }
}

module.exports = { Record, Tuple, camelCase, fieldOf }
