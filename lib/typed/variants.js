'use strict'

// Conversions of types with cases: variants, options and results.

const { oneOf } = require('./names')
const { Conversion } = require('./scalars')
const { Misfit, described, kindOf } = require('./misfit')

const bits = new DataView(new ArrayBuffer(8))

/** For the flat value of a case that stands in for a larger or another type: both ways. */
const CASTS = {
  'i32:i64': { to: (value) => BigInt(value >>> 0), from: (value) => Number(BigInt.asIntN(32, value)) },
  'f32:i32': { to: (value) => intOf(value), from: (value) => floatOf(value) },
  'f32:i64': {
    to: (value) => BigInt(intOf(value) >>> 0),
    from: (value) => floatOf(Number(BigInt.asIntN(32, value))),
  },
  'f64:i64': {
    to(value) {
      bits.setFloat64(0, value)
      return bits.getBigInt64(0)
    },
    from(value) {
      bits.setBigInt64(0, value)
      return bits.getFloat64(0)
    },
  },
}

function intOf(float) {
  bits.setFloat32(0, float)
  return bits.getInt32(0)
}

function floatOf(int) {
  bits.setInt32(0, int)
  return bits.getFloat32(0)
}

const zeroOf = (flat) => (flat === 'i64' ? 0n : 0)

/** A type that is stored as a discriminant and then the value of the case, which may have none. */
class Cases extends Conversion {
  /** `payloads` has the conversion of each case, or undefined; `parts` the parts of paths */
  constructor(type, payloads, parts) {
    super(type)
    this.payloads = payloads
    this.parts = parts
    this.offset = type.offsets[0]
    this.tagSize = payloads.length <= 0x100 ? 1 : payloads.length <= 0x10000 ? 2 : 4
    this.allocates = payloads.some((each) => each?.allocates)
    this.atomic = payloads.every((each) => each?.atomic ?? true)
    /** For each case, the casts of its flat values; undefined for those that need none */
    this.casts = this.flat === null ? [] : payloads.map((payload) => this.#castsOf(payload))
  }

  #castsOf(payload) {
    const casts = (payload?.flat ?? []).map((own, index) => CASTS[`${own}:${this.flat[index + 1]}`])
    return casts.some((cast) => cast !== undefined) ? casts : undefined
  }

  check(value) {
    const index = this.indexOf(value)
    const payload = this.payloads[index]
    try {
      payload?.check(this.payloadOf(value))
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  lower(guest, value, core, start) {
    const index = this.indexOf(value)
    const payload = this.payloads[index]
    core[start] = index
    const { flat } = this
    let filled = 1
    if (payload !== undefined) {
      try {
        payload.lower(guest, this.payloadOf(value), core, start + 1)
      } catch (error) {
        throw Misfit.at(error, this.parts[index])
      }
      filled += payload.flat.length
      this.casts[index]?.forEach((cast, position) => {
        if (cast !== undefined) core[start + 1 + position] = cast.to(core[start + 1 + position])
      })
    }
    for (; filled < flat.length; filled++) core[start + filled] = zeroOf(flat[filled])
  }

  lift(guest, core, start) {
    const index = this.#known(core[start] >>> 0)
    const payload = this.payloads[index]
    if (payload === undefined) return this.valueOf(index, undefined)
    const casts = this.casts[index]
    try {
      if (casts === undefined) return this.valueOf(index, payload.lift(guest, core, start + 1))
      const own = casts.map((cast, position) => {
        const value = core[start + 1 + position]
        return cast === undefined ? value : cast.from(value)
      })
      return this.valueOf(index, payload.lift(guest, own, 0))
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  store(guest, value, address) {
    const index = this.indexOf(value)
    const payload = this.payloads[index]
    guest.refresh()
    if (this.tagSize === 1) guest.view.setUint8(address, index)
    else if (this.tagSize === 2) guest.view.setUint16(address, index, true)
    else guest.view.setUint32(address, index, true)
    if (payload === undefined) return
    try {
      payload.store(guest, this.payloadOf(value), address + this.offset)
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  load(guest, address) {
    const { view } = guest
    const { tagSize } = this
    const index = this.#known(
      tagSize === 1
        ? view.getUint8(address)
        : tagSize === 2
          ? view.getUint16(address, true)
          : view.getUint32(address, true),
    )
    const payload = this.payloads[index]
    if (payload === undefined) return this.valueOf(index, undefined)
    try {
      return this.valueOf(index, payload.load(guest, address + this.offset))
    } catch (error) {
      throw Misfit.at(error, this.parts[index])
    }
  }

  #known(index) {
    if (index < this.payloads.length) return index
    throw new Misfit(`a case below ${this.payloads.length}`, `${index}`)
  }
}

/** An option: undefined, or the value. */
class Option extends Cases {
  constructor(type, element) {
    super(type, [undefined, element], ['', ''])
    // A JSON value may be null.
    this.takesNull = type.element.kind !== 'json'
  }

  indexOf(value) {
    return value === undefined || (value === null && this.takesNull) ? 0 : 1
  }

  payloadOf(value) {
    return value
  }

  valueOf(index, value) {
    return value
  }
}

/** A type whose values are objects `{ tag, val }`. */
class Tagged extends Cases {
  constructor(type, payloads, tags) {
    super(
      type,
      payloads,
      tags.map(() => '.val'),
    )
    this.tags = tags
    this.indices = new Map(tags.map((tag, index) => [tag, index]))
  }

  indexOf(value) {
    if (typeof value !== 'object' || value === null) throw new Misfit('an object { tag, val }', kindOf(value))
    const { tag } = value
    const index = this.indices.get(tag)
    if (index === undefined) throw Misfit.at(new Misfit(oneOf(this.tags), described(tag)), '.tag')
    return index
  }

  payloadOf(value) {
    return value.val
  }

  valueOf(index, value) {
    return this.payloads[index] === undefined ? { tag: this.tags[index] } : { tag: this.tags[index], val: value }
  }
}

module.exports = { Option, Tagged }
