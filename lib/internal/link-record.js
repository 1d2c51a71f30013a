'use strict'

// Link records: links as numbers, which only the native side reads (src/napi/link/record.rs). The records of links that were
// made together are in one array of any kind, and after them their time in milliseconds since 1970. An object around the array
// would take time in `link`.

/** Count of numbers for each link. */
const WIDTH = 6

/** Positions of the link's id, and of the id of the link below, in its numbers. */
const ID = 2
const BELOW = 3

/** A request with room for the records of `count` links. */
const requestOf = (count) => new Float64Array(count * WIDTH + 1)

/** Requests the link at `index`: its slot, and the address of its implementation. */
function request(numbers, index, slot, address) {
  numbers[2 * index] = slot
  numbers[2 * index + 1] = address
}

/** The record and the time that the native side left in the link scratch. Copying to an array literal is fastest. */
const recordFrom = (scratch) => [scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5], scratch[6]]

/** Copies the record at `index` into the link scratch. Without a loop, this takes half the time. */
function copyRecord(numbers, index, scratch) {
  const start = index * WIDTH
  scratch[0] = numbers[start]
  scratch[1] = numbers[start + 1]
  scratch[2] = numbers[start + 2]
  scratch[3] = numbers[start + 3]
  scratch[4] = numbers[start + 4]
  scratch[5] = numbers[start + 5]
}

/** The numbers of the record at `index`. */
const numbersOf = (numbers, index) => numbers.slice(index * WIDTH, (index + 1) * WIDTH)

const timeOf = (numbers) => numbers[numbers.length - 1]

const setTime = (numbers, time) => void (numbers[numbers.length - 1] = time)

/** Whether the link at `index` is neither undone nor reset. */
const isActive = (numbers, index) => numbers[index * WIDTH + ID] !== 0

/**
 * Notes that the link at `index` has ended, when the next link was to have the id `next`. The id of the link below is needed no
 * longer, so this takes its place.
 */
function endRecord(numbers, index, next) {
  const start = index * WIDTH
  if (numbers[start + BELOW] < 0) return
  numbers[start + ID] = 0
  numbers[start + BELOW] = -next
}

/** The id that the next link was to have when the link at `index` ended; 0 for an active link. */
const endOf = (numbers, index) => Math.max(0, -numbers[index * WIDTH + BELOW])

module.exports = {
  copyRecord,
  endOf,
  endRecord,
  isActive,
  numbersOf,
  recordFrom,
  request,
  requestOf,
  setTime,
  timeOf,
}
