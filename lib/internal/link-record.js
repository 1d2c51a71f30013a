'use strict'

// Link records: links as numbers, which only the native side reads (src/napi/link/record.rs).

/** Count of numbers for each link. */
const WIDTH = 6

/** The records of links that were made together. */
class LinkRecord {
  /** The numbers, in an array of any kind */
  numbers

  constructor(numbers) {
    this.numbers = numbers
  }

  /** A request with room for the records of `count` links. */
  static request(count) {
    return new LinkRecord(new Float64Array(count * WIDTH))
  }

  /** The record that the native side left in the link scratch. Copying to an array literal is fastest. */
  static from(scratch) {
    return new LinkRecord([scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]])
  }

  /** Requests the link at `index`: its slot, and the address of its implementation. */
  request(index, slot, address) {
    this.numbers[2 * index] = slot
    this.numbers[2 * index + 1] = address
  }

  /** Copies the record at `index` into the link scratch. Without a loop, this takes half the time. */
  copyTo(scratch, index) {
    const { numbers } = this
    const start = index * WIDTH
    scratch[0] = numbers[start]
    scratch[1] = numbers[start + 1]
    scratch[2] = numbers[start + 2]
    scratch[3] = numbers[start + 3]
    scratch[4] = numbers[start + 4]
    scratch[5] = numbers[start + 5]
  }

  /** Copies the record at `index` back, after the native side has changed it. */
  copyFrom(scratch, index) {
    const { numbers } = this
    const start = index * WIDTH
    numbers[start] = scratch[0]
    numbers[start + 1] = scratch[1]
    numbers[start + 2] = scratch[2]
    numbers[start + 3] = scratch[3]
    numbers[start + 4] = scratch[4]
    numbers[start + 5] = scratch[5]
  }
}

module.exports = { LinkRecord }
