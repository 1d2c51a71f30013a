'use strict'

// The index of texts by suffix.

/** Compares two texts from their ends: an order for sorting. */
function compare(a, b) {
  const shorter = Math.min(a.length, b.length)
  for (let back = 1; back <= shorter; back++) {
    const difference = a.charCodeAt(a.length - back) - b.charCodeAt(b.length - back)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Finds texts by their suffixes. They are sorted from their ends, so equal suffixes are adjacent, in memory O(texts). */
class SuffixIndex {
  #entries

  /** `entries` are pairs of a text and a value. */
  constructor(entries) {
    this.#entries = entries.sort(([a], [b]) => compare(a, b))
  }

  /** The values of the texts that equal `text`. */
  equal(text) {
    return this.#from(text, (each) => each === text)
  }

  /** The values of the texts that end with `suffix`. */
  ending(suffix) {
    return this.#from(suffix, (each) => each.endsWith(suffix))
  }

  *#from(suffix, fits) {
    const entries = this.#entries
    for (let index = this.#first(suffix); index < entries.length && fits(entries[index][0]); index++) {
      yield entries[index][1]
    }
  }

  /** The position of the first text that does not come before `suffix`. */
  #first(suffix) {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#entries[middle][0], suffix) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

module.exports = { SuffixIndex }
