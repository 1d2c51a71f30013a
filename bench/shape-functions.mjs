// Shapes of one large function.
import { I32, TYPE, body, leb, list, locals, module, none, repeat, section } from './shape-binary.mjs'

/** A module that exports a function `f: (i32) -> i32` with this code. `more` are further sections, by id. */
const oneFunction = (locals, code, more = {}) => {
  const sections = {
    1: TYPE,
    3: section(3, [1, 0]),
    7: section(7, [1, 1, 0x66, 0, 0]),
    10: section(10, [1], body(locals, ...code)),
    ...more,
  }
  return module(...[1, 3, 5, 6, 7, 10].flatMap((id) => (sections[id] ? [sections[id]] : [])))
}

const get = (local) => [0x20, ...leb(local)]
const set = (local) => [0x21, ...leb(local)]
/** x & 3 */
const low = [...get(0), 0x41, 3, 0x71]
const add = (local) => [...get(local), 0x41, 5, 0x6a, ...set(local)]
const mix = (local) => [...get(local), 0x41, 7, 0x73, ...set(local)]
const ifElse = (local) => [...low, 0x04, 0x40, ...add(local), 0x05, ...mix(local), 0x0b]

/** A maker of a module for each shape, and the count with which `shapes.mjs` begins. */
export const FUNCTION_SHAPES = {
  'if and else on one local': [1000, (n) => oneFunction(none, [repeat(n, () => ifElse(0))])],
  'if and else on 20 locals': [1000, (n) => oneFunction(locals(20), [repeat(n, (index) => ifElse(index % 21))])],
  'if and else on as many locals': [1000, (n) => oneFunction(locals(n), [repeat(n, (index) => ifElse(index + 1))])],
  'if and else that write 20 locals': [
    200,
    (n) => {
      const all = (write) => Array.from({ length: 20 }, (_, local) => write(local)).flat()
      return oneFunction(locals(20), [repeat(n, () => [...low, 0x04, 0x40, ...all(add), 0x05, ...all(mix), 0x0b])])
    },
  ],
  'blocks with a local each': [
    1000,
    (n) =>
      oneFunction(locals(n), [
        repeat(n, (index) => [
          0x02,
          0x40,
          ...low,
          ...set(index + 1),
          ...get(index + 1),
          0x0d,
          0,
          ...add(0),
          ...get(index + 1),
          ...get(0),
          0x6a,
          ...set(0),
          0x0b,
        ]),
      ]),
  ],
  'a nest of blocks that writes 40 locals': [
    200,
    (n) => {
      const all = Array.from({ length: 40 }, (_, local) => add(local + 1)).flat()
      const sum = Array.from({ length: 40 }, (_, local) => [...get(0), ...get(local + 1), 0x6a, ...set(0)]).flat()
      return oneFunction(locals(40), [
        repeat(n, () => [0x02, 0x40, ...low, 0x0d, 0]),
        all,
        repeat(n, () => [0x0b]),
        sum,
      ])
    },
  ],
  'blocks in blocks': [
    1000,
    (n) => oneFunction(none, [repeat(n, () => [0x02, 0x40]), repeat(n, () => [...low, 0x0d, 0, ...add(0), 0x0b])]),
  ],
  'loops in loops': [
    500,
    (n) => oneFunction(none, [repeat(n, () => [0x03, 0x40]), repeat(n, () => [...mix(0), ...low, 0x0d, 0, 0x0b])]),
  ],
  'ifs in ifs': [
    1000,
    (n) =>
      oneFunction(none, [repeat(n, () => [...low, 0x04, 0x40, ...add(0)]), repeat(n, () => [0x05, ...mix(0), 0x0b])]),
  ],
  'a branch table of blocks': [
    1000,
    (n) =>
      oneFunction(none, [
        repeat(n + 1, () => [0x02, 0x40]),
        [...get(0), 0x0e, ...leb(n)],
        repeat(n + 1, leb),
        [0x0b],
        repeat(n, () => [...add(0), 0x0b]),
      ]),
  ],
  'branch tables': [
    1000,
    (n) =>
      oneFunction(none, [
        repeat(n, () => [0x02, 0x40, 0x02, 0x40, ...low, 0x0e, 3, 0, 1, 0, 1, 0x0b, ...add(0), 0x0b]),
      ]),
  ],
  'a branch table with two targets': [
    10_000,
    (n) =>
      oneFunction(none, [
        [0x02, 0x40, 0x02, 0x40, ...get(0), 0x0e, ...leb(n)],
        repeat(n + 1, (index) => [index % 2]),
        [0x0b, ...add(0), 0x0b],
      ]),
  ],
  'locals, each written once': [
    20_000,
    (n) => oneFunction(locals(n), [repeat(n, (index) => [...get(0), ...set(index + 1)])]),
  ],
  'locals in a loop': [
    2000,
    (n) =>
      oneFunction(locals(n), [
        [0x03, 0x40],
        repeat(n, (index) => [...get(index), ...get(index + 1), 0x6a, ...set(index + 1)]),
        [...low, 0x0d, 0, 0x0b],
      ]),
  ],
  'ifs in a loop that set a local each': [
    200,
    (n) =>
      oneFunction(locals(n), [
        [0x03, 0x40],
        repeat(n, (index) => [...low, 0x04, 0x40, ...get(0), ...set(index + 1), 0x0b]),
        repeat(n, (index) => [...get(index + 1), ...get(0), 0x6a, ...set(0)]),
        [...low, 0x0d, 0, 0x0b],
      ]),
  ],
  'locals that are set and then read': [
    1000,
    (n) =>
      oneFunction(locals(n), [
        repeat(n, (index) => [...add(0), ...get(0), ...set(index + 1)]),
        repeat(n, (index) => [...get(index + 1), ...get(0), 0x6a, ...set(0)]),
      ]),
  ],
  'ifs with values': [
    2000,
    (n) =>
      oneFunction(none, [
        repeat(n, () => [...low, 0x04, I32, ...get(0), 0x05, 0x41, 9, 0x0b, ...get(0), 0x6a, ...set(0)]),
      ]),
  ],
  'branches out of one block': [
    1000,
    (n) => oneFunction(none, [[0x02, 0x40], repeat(n, () => [...low, 0x0d, 0, ...add(0)]), [0x0b]]),
  ],
  selects: [2000, (n) => oneFunction(none, [repeat(n, () => [...get(0), 0x41, 7, ...low, 0x1b, ...set(0)])])],
  'constants of f64': [
    1000,
    (n) =>
      oneFunction(none, [
        repeat(n, (index) => {
          const constant = Buffer.alloc(8)
          constant.writeDoubleLE(index + 0.5)
          // x = x + wrap(bits(constant + x))
          return [0x44, ...constant, ...get(0), 0xb7, 0xa0, 0xbd, 0xa7, ...get(0), 0x6a, ...set(0)]
        }),
      ]),
  ],
  arithmetic: [5000, (n) => oneFunction(none, [repeat(n, () => [...add(0), ...mix(0)])])],
  'a deep expression': [5000, (n) => oneFunction(none, [repeat(n, () => get(0)), repeat(n - 1, () => [0x6a]), set(0)])],
  calls: [2000, (n) => oneFunction(none, [repeat(n, () => [...get(0), 0x10, 0, ...set(0)])])],
  'globals read and written': [
    2000,
    (n) =>
      oneFunction(none, [repeat(n, (index) => [...get(0), 0x23, ...leb(index), 0x6a, 0x24, ...leb(index)])], {
        6: list(6, n, () => [I32, 1, 0x41, 0, 0x0b]),
      }),
  ],
  'loads and stores': [
    2000,
    (n) =>
      oneFunction(none, [repeat(n, () => [...get(0), ...get(0), 0x28, 2, 0, 0x36, 2, 4])], {
        5: section(5, [1, 0, 1]),
      }),
  ],
}
