'use strict'

// Random numbers for the fuzzers.

/** A generator of random numbers. Equal seeds give equal numbers. */
function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { below: (end) => Math.floor(next() * end), pick: (list) => list[Math.floor(next() * list.length)] }
}

module.exports = { random }
