'use strict'

/** Compares two texts from their ends. */
function compare(a, b) {
  const shorter = Math.min(a.length, b.length)
  for (let back = 1; back <= shorter; back++) {
    const difference = a.charCodeAt(a.length - back) - b.charCodeAt(b.length - back)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/**
 * Finds texts by their ends. They are sorted so that those with one end stand side by side: this takes no more memory
 * than the texts, into however many parts they may be cut.
 */
class SuffixIndex {
  #entries

  /** `entries` are pairs of a text and what it stands for. */
  constructor(entries) {
    this.#entries = entries.sort(([a], [b]) => compare(a, b))
  }

  /** What the texts stand for that are `text`. */
  equal(text) {
    return this.#from(text, (each) => each === text)
  }

  /** What the texts stand for that end with `end`. */
  ending(end) {
    return this.#from(end, (each) => each.endsWith(end))
  }

  *#from(end, fits) {
    const entries = this.#entries
    for (let index = this.#first(end); index < entries.length && fits(entries[index][0]); index++) {
      yield entries[index][1]
    }
  }

  /** The position of the first text that does not come before `end`. */
  #first(end) {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#entries[middle][0], end) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

module.exports = { SuffixIndex }
