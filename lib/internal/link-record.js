'use strict'

/** Where the numbers of a link are, and how many there are. */
const SLOT = 0
const ID = 1
const FUNCTION = 3
const WIDTH = 5

/** Where the first link is; before that stands the id of their undo root. */
const HEAD = 1

/** The id of a link that has been undone. */
const UNDONE = 0

/** Links in numbers, as the native side reads and writes them (src/napi/link/record.rs). */
class Record {
  /** The numbers, in an array of any kind */
  numbers

  constructor(numbers) {
    this.numbers = numbers
  }

  /** One with room for so many links. */
  static of(count) {
    return new Record(new Float64Array(HEAD + WIDTH * count))
  }

  /** The link whose record the native side left in the link scratch. A small array costs less than one of a fixed type. */
  static at(scratch) {
    return new Record([scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]])
  }

  /** How many links there are. */
  get count() {
    return (this.numbers.length - HEAD) / WIDTH
  }

  get undoRoot() {
    return this.numbers[0]
  }

  /** Notes a link that is wanted: its slot, and the address of its function. */
  want(index, slot, address) {
    this.numbers[HEAD + WIDTH * index + SLOT] = slot
    this.numbers[HEAD + WIDTH * index + FUNCTION] = address
  }

  slot(index) {
    return this.numbers[HEAD + WIDTH * index + SLOT]
  }

  /** The address of the function of a link. */
  address(index) {
    return this.numbers[HEAD + WIDTH * index + FUNCTION]
  }

  /** One with those links that `stays` says yes to. */
  filter(stays) {
    const indices = Array.from({ length: this.count }, (_, index) => index).filter(stays)
    const record = Record.of(indices.length)
    indices.forEach((from, to) => record.want(to, this.slot(from), this.address(from)))
    return record
  }

  /** Writes one link into the link scratch. */
  writeTo(scratch, index) {
    scratch[0] = this.numbers[0]
    const start = HEAD + WIDTH * index
    for (let number = 0; number < WIDTH; number++) scratch[HEAD + number] = this.numbers[start + number]
  }

  /** Notes that a link has been undone. */
  end(index) {
    this.numbers[HEAD + WIDTH * index + ID] = UNDONE
  }
}

module.exports = { Record }
