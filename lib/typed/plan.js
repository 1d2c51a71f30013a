'use strict'

// Plans: how the parameters and the result of a typed function are passed, made once from its type.

const { camelCase, conversionOf } = require('./conversions')
const { fault, refusal } = require('./misfit')

const aligned = (offset, align) => Math.ceil(offset / align) * align

/** Most flat values of parameters. */
const MOST_FLAT = 16

/** The plan of a typed function, for all instances and stores. */
class Plan {
  constructor({ parameters, result }) {
    this.conversions = parameters.map(({ type }) => conversionOf(type))
    this.names = parameters.map(({ name }) => camelCase(name))
    this.count = parameters.length
    this.#place()
    /** Core values for a call of a function that is closed */
    this.zeros = this.isIndirect
      ? [0]
      : this.conversions.flatMap(({ flat }) => flat.map((each) => (each === 'i64' ? 0n : 0)))
    this.result = result === null ? undefined : conversionOf(result)
    /** Whether the result is at an address */
    this.hasArea = this.result !== undefined && this.result.flat?.length !== 1 && this.result.size > 0
    /** Whether an error is a value: the function's result is a `result` */
    this.throws = result?.kind === 'result'
    const allocating = this.conversions.filter((each) => each.allocates).length
    /** Whether all arguments are checked before memory is allocated for the first: nothing can free that again */
    this.checksFirst = (allocating > 0 || this.isIndirect) && !(this.count === 1 && this.conversions[0].atomic)
  }

  /** Places the parameters: flat values, or an area of memory if these are too many. */
  #place() {
    const sizes = this.conversions.map(({ flat }) => flat?.length ?? MOST_FLAT + 1)
    const total = sizes.reduce((sum, size) => sum + size, 0)
    this.isIndirect = total > MOST_FLAT
    let [offset, flat] = [0, 0]
    this.align = 1
    this.places = this.conversions.map(({ size, align }, index) => {
      const at = aligned(offset, align)
      const place = this.isIndirect ? at : flat
      flat += sizes[index]
      offset = at + size
      this.align = Math.max(this.align, align)
      return place
    })
    this.size = aligned(offset, this.align)
    /** Number of core values of the parameters */
    this.width = this.isIndirect ? 1 : total
  }

  /** The core values for arguments, in memory that is allocated in the guest. Throws a TypeError that says where. */
  lowerArguments(guest, values) {
    const { conversions, places } = this
    let index = 0
    try {
      if (this.checksFirst) {
        for (; index < this.count; index++) conversions[index].check(values[index])
        index = 0
      }
      const core = []
      if (this.isIndirect) {
        const area = guest.allocate(this.size, this.align)
        for (; index < this.count; index++) conversions[index].store(guest, values[index], area + places[index])
        core[0] = area
      } else {
        for (; index < this.count; index++) conversions[index].lower(guest, values[index], core, places[index])
      }
      return core
    } catch (error) {
      throw refusal(error, this.names[index] ?? '')
    }
  }

  /** The arguments from core values of a guest. */
  liftArguments(guest, core, subject) {
    const { conversions, places } = this
    const values = []
    let index = 0
    try {
      guest.begin()
      if (this.isIndirect) {
        const area = core[0] >>> 0
        guest.range(area, this.size, this.align)
        for (; index < this.count; index++) values[index] = conversions[index].load(guest, area + places[index])
      } else {
        for (; index < this.count; index++) values[index] = conversions[index].lift(guest, core, places[index])
      }
      return values
    } catch (error) {
      throw fault(error, subject, this.names[index] ?? 'the arguments')
    }
  }

  /** The result from the core value that an export of the guest has returned. */
  liftResult(guest, returned, subject) {
    const { result } = this
    if (result === undefined || result.size === 0) return result?.load(guest, 0)
    try {
      guest.begin()
      if (!this.hasArea) return result.lift(guest, [returned], 0)
      const area = returned >>> 0
      guest.range(area, result.size, result.align)
      return result.load(guest, area)
    } catch (error) {
      throw fault(error, subject, 'result')
    }
  }

  /** The core value to return to a guest for a result; the guest's return area is at `area`, if it has one. */
  lowerResult(guest, value, area, subject) {
    const { result } = this
    if (result === undefined) return undefined
    if (this.hasArea) {
      try {
        guest.begin()
        guest.range(area, result.size, result.align)
      } catch (error) {
        throw fault(error, subject, 'the address for the result')
      }
    }
    try {
      if (result.allocates && !result.atomic) result.check(value)
      if (this.hasArea) {
        result.store(guest, value, area)
        return undefined
      }
      const core = [undefined]
      result.lower(guest, value, core, 0)
      return core[0]
    } catch (error) {
      throw refusal(error, 'result')
    }
  }
}

module.exports = { Plan }
