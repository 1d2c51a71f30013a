// JavaScript and WebAssembly call each other to the end of the stack, and use every API on the way.
import { Instance, Memory, Module, link } from '../..'
import { compilers, thrownBy, wat } from '../support'

const text = `(module
  (import "env" "hand" (func $hand (param i32) (result i32)))
  (import "env" "memory" (memory 1))
  (table (export "table") 1 1000 funcref)
  (func (export "down") (param i32) (result i32)
    (i32.add (i32.const 1) (call $hand (i32.add (local.get 0) (i32.const 1)))))
  (func $step (export "step") (param i32) (result i32) (i32.add (local.get 0) (i32.const 0)))
  (func (export "stepped") (param i32) (result i32) (call $step (local.get 0)))
  (func $forever (export "forever") (param i64) (result i64) (call $forever (i64.add (local.get 0) (i64.const 1))))
  (func (export "trap") unreachable))`

describe.each(compilers)('to the end of the stack (%s)', (compiler) => {
  const make = async (hand: (depth: number) => number) => {
    const memory = new Memory({ initial: 1 })
    const module = new Module(await wat(text), { compiler })
    return { memory, module, instance: new Instance(module, { env: { hand, memory } }) }
  }

  test('calls end in an error, repeatedly, and everything works afterwards', async () => {
    let deepest = 0
    const { instance } = await make((depth) => {
      deepest = Math.max(deepest, depth)
      return instance.exports.down(depth)
    })
    for (let attempt = 0; attempt < 3; attempt++) {
      deepest = 0
      expect(() => instance.exports.down(0)).toThrow(/Maximum call stack/)
      expect(deepest).toBeGreaterThan(100)
    }
    expect(instance.exports.step(5)).toBe(5)
  })

  test('WebAssembly that calls itself for ever ends in a trap, also below JavaScript', async () => {
    const { instance } = await make((depth) =>
      depth < 100 ? instance.exports.down(depth) : Number(instance.exports.forever(0n)),
    )
    const { down, forever, step } = instance.exports
    expect(() => forever(0n)).toThrow(/call stack exhausted/)
    expect(() => down(0)).toThrow(/call stack exhausted/)
    expect(step(6)).toBe(6)
  })

  test('growth, throws, traps, links, tables and new instances on the way down and up', async () => {
    const events: string[] = []
    const trapped: string[] = []
    const answers: number[] = []
    const { instance, memory, module } = await make((depth) => {
      const { exports } = instance
      const { buffer } = memory
      if (depth % 10 === 0) memory.grow(1)
      if (depth % 10 === 0) events.push(`${depth}: ${buffer.byteLength} ${memory.buffer.byteLength / 65536}`)
      if (depth % 7 === 0) link((x: number) => x + depth, instance.slot('step'))
      if (depth % 9 === 0) exports.table.grow(1, exports.step)
      if (depth % 11 === 0) trapped.push(thrownBy(() => exports.trap()).message)
      if (depth % 13 === 0) {
        const other = new Instance(module, { env: { hand: (x: number) => x * 2, memory } })
        answers.push(other.exports.down(20))
      }
      if (depth === 60) throw new EvalError('at the bottom')
      try {
        return exports.down(depth)
      } catch (error) {
        if (depth !== 30) throw error
        return exports.stepped(1000)
      }
    })
    // The function that was linked last, at depth 56, adds 56 to 1000. Each level above depth 30 adds one.
    expect(instance.exports.down(0)).toBe(1000 + 56 + 30)
    expect(memory.buffer.byteLength).toBe(7 * 65536)
    expect(instance.exports.table.length).toBe(1 + 6)
    expect(events).toEqual([2, 3, 4, 5, 6, 7].map((pages, index) => `${(index + 1) * 10}: 0 ${pages}`))
    expect(trapped).toEqual(Array(5).fill('unreachable'))
    expect(answers).toEqual([43, 43, 43, 43])
    instance.slot('step').reset()
    expect(instance.exports.stepped(1)).toBe(1)
  })
})
