// Components: the core module of examples/component, with the names and types of its world; and the example, with jco.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instance, LinkError, Module, link } from '../..'
import { root, thrownBy } from '../support'

const folder = join(root, 'examples', 'component')
const wit = readFileSync(join(folder, 'shop.wit'), 'utf8')
const component = readFileSync(join(folder, 'shop.component.wasm'))

const item = { sku: 'tea', cents: 500n }
const none = { 'shop:pricing/discount@0.1.0': { of: () => 0n } }

/** The first core module inside the component: its length in LEB128 stands before it. */
function coreModule(): Uint8Array<ArrayBuffer> {
  const begin = component.indexOf(Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
  let [length, at] = [0, begin - 1]
  while (component[at - 1]! >= 0x80) at--
  for (let shift = 0; at < begin; at++, shift += 7) length |= (component[at]! & 0x7f) << shift
  return new Uint8Array(component.subarray(begin, begin + length))
}

const make = () => new Instance<any>(new Module(coreModule()), none, { wit })

test('a function that a component imports is relinked by its WIT name, with its WIT types', () => {
  const core = make()
  expect([core.exports.price(item), core.exports.listPrice(item)]).toEqual([500n, 500n])
  const given: unknown[] = []
  const change = link((each: typeof item) => {
    given.push(each)
    if (each.sku !== 'tea') throw Object.assign(new Error('no'), { payload: 'only tea' })
    return each.cents / 10n
  }, core.slot('shop:pricing/discount@0.1.0.of'))
  expect([core.exports.price(item), core.exports.price({ ...item, sku: 'é' })]).toEqual([450n, 500n])
  expect(given).toEqual([item, { ...item, sku: 'é' }])
  change.undo()
  expect(core.exports.price(item)).toBe(500n)
})

test('a function of another type is refused field by field', () => {
  const [core, other] = [
    make(),
    new Instance<any>(new Module(coreModule()), none, { wit: wit.replace('sku:', 'name:') }),
  ]
  const error = thrownBy(() => link(other.exports.price, core.slot('shop:pricing/discount@0.1.0.of')))
  expect(error).toBeInstanceOf(LinkError)
  expect(error.code).toBe('ERR_RELINK_ABI')
  expect(error['differences'].join()).toMatch(/item/)
})

test('a function that a component exports gives way to another of its core module', () => {
  const core = make()
  link(({ cents }: typeof item) => cents / 2n, core.slot('shop:pricing/discount@0.1.0.of'))
  expect(core.exports.price(item)).toBe(250n)
  const change = link(core.exports['list-price'], core.slot('price'))
  expect(core.exports.price(item)).toBe(500n)
  change.undo()
  expect(core.exports.price(item)).toBe(250n)
})

test('a function of JavaScript takes the place of one that a component exports, with its WIT types', () => {
  const core = make()
  const change = link(({ sku, cents }: typeof item) => cents + BigInt(sku.length), core.slot('price'))
  expect(core.exports.price({ sku: 'größe', cents: 500n })).toBe(505n)
  change.undo()
  expect(core.exports.price(item)).toBe(500n)
})

test('the example says what it does', () => {
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'examples', 'component.mjs')], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(stdout.match(/\d+/g)).toEqual(['500', '450', '500', '450', '1000', '450', '500'])
})
