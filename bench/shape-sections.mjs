// Shapes of many things in a section.
import { I32, TYPE, body, leb, list, locals, module, name, none, repeat, section } from './shape-binary.mjs'

/** The body of a function that adds 5 to its parameter. */
const ADD = body(none, [0x20, 0, 0x41, 5, 0x6a, 0x21, 0])

/** A maker of a module for each shape, and the count with which `shapes.mjs` begins. */
export const SECTION_SHAPES = {
  functions: [
    5000,
    (n) =>
      module(
        TYPE,
        list(3, n, () => [0]),
        section(7, [1, 1, 0x66, 0, 0]),
        list(10, n, () => ADD),
      ),
  ],
  'functions with 100 parameters and results': [
    100,
    (n) => {
      const values = Array.from({ length: 100 }, () => I32)
      const gets = values.flatMap((_, local) => [0x20, local])
      const one = [0, ...gets, 0x10, 0, 0x0b]
      return module(
        section(1, [1, 0x60, 100, ...values, 100, ...values]),
        list(3, n, () => [0]),
        list(10, n, () => [...leb(one.length), ...one]),
      )
    },
  ],
  'calls with 1,000 arguments': [
    50,
    (n) => {
      const values = Array.from({ length: 1000 }, () => I32)
      const gets = values.flatMap((_, local) => [0x20, ...leb(local)])
      const code = Buffer.concat([Buffer.from([0]), repeat(n, () => [...gets, 0x10, 0]), Buffer.from([0x0b])])
      return module(
        section(1, [1, 0x60, ...leb(1000), ...values, 0]),
        section(3, [1, 0]),
        section(10, [1], leb(code.length), code),
      )
    },
  ],
  'functions with 1,000 locals': [
    200,
    (n) =>
      module(
        TYPE,
        list(3, n, () => [0]),
        list(10, n, () => body(locals(1000), [0x20, 0, 0x41, 5, 0x6a, 0x21, 0])),
      ),
  ],
  'empty functions': [
    50_000,
    (n) =>
      module(
        section(1, [1, 0x60, 0, 0]),
        list(3, n, () => [0]),
        list(10, n, () => [2, 0, 0x0b]),
      ),
  ],
  types: [
    2500,
    (n) =>
      module(
        list(1, n, (index) => [0x60, 17, ...Array.from({ length: 17 }, (_, bit) => 0x7f - ((index >> bit) & 1)), 0]),
      ),
  ],
  'imports of functions': [
    20_000,
    (n) =>
      module(
        section(1, [1, 0x60, 0, 0]),
        list(2, n, (index) => [...name('m'), ...name(`f${index}`), 0, 0]),
      ),
  ],
  'imports of globals': [20_000, (n) => module(list(2, n, (index) => [...name('m'), ...name(`f${index}`), 3, I32, 0]))],
  'exports of functions': [
    20_000,
    (n) =>
      module(
        section(1, [1, 0x60, 0, 0]),
        section(3, [1, 0]),
        list(7, n, (index) => [...name(`f${index}`), 0, 0]),
        section(10, [1, 2, 0, 0x0b]),
      ),
  ],
  globals: [20_000, (n) => module(list(6, n, () => [I32, 1, 0x41, 0, 0x0b]))],
  'element segments': [
    20_000,
    (n) =>
      module(
        section(1, [1, 0x60, 0, 0]),
        section(3, [1, 0]),
        section(4, [1, 0x70, 0, 1]),
        list(9, n, () => [0, 0x41, 0, 0x0b, 1, 0]),
        section(10, [1, 2, 0, 0x0b]),
      ),
  ],
  'entries of one element segment': [
    100_000,
    (n) =>
      module(
        section(1, [1, 0x60, 0, 0]),
        section(3, [1, 0]),
        section(4, [1, 0x70, 0, ...leb(n)]),
        section(9, [1, 0, 0x41, 0, 0x0b, ...leb(n)], Buffer.alloc(n)),
        section(10, [1, 2, 0, 0x0b]),
      ),
  ],
  'functions in a table': [
    5000,
    (n) =>
      module(
        TYPE,
        list(3, n, () => [0]),
        section(4, [1, 0x70, 0, ...leb(n)]),
        section(9, [1, 0, 0x41, 0, 0x0b, ...leb(n)], repeat(n, leb)),
        list(10, n, () => ADD),
      ),
  ],
  tables: [50, (n) => module(list(4, n, () => [0x70, 0, 1]))],
  'custom sections': [20_000, (n) => module(repeat(n, () => [0, 3, ...name('c'), 1]))],
  'a long name': [
    1 << 20,
    (n) => {
      const map = Buffer.concat([Buffer.from([1, 0, ...leb(n)]), Buffer.alloc(n, 'a')])
      return module(
        TYPE,
        section(3, [1, 0]),
        section(10, [1], ADD),
        section(0, name('name'), [1, ...leb(map.length)], map),
      )
    },
  ],
  'data segments': [
    20_000,
    (n) =>
      module(
        section(5, [1, 0, 1]),
        list(11, n, () => [0, 0x41, 0, 0x0b, 1, 7]),
      ),
  ],
  'names of functions': [
    5000,
    (n) => {
      const names = repeat(n, (index) => [...leb(index), ...name(`crate::module::function_${index}`)])
      const map = Buffer.concat([Buffer.from(leb(n)), names])
      return module(
        TYPE,
        list(3, n, () => [0]),
        list(10, n, () => ADD),
        section(0, name('name'), [1, ...leb(map.length)], map),
      )
    },
  ],
}
