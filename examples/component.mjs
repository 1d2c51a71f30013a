// A component, loaded at run time and relinked. `npm install --no-save @bytecodealliance/jco-transpile` first, then:
//
//   node examples/component.mjs
//
// jco writes the JavaScript that lifts and lowers values; our Module and Instance run the core modules beneath.
import { readFile } from 'node:fs/promises'
import { link } from 'wasm-relink'
import { loadComponent } from './component/load.mjs'

const folder = new URL('component/', import.meta.url)
const wit = await readFile(new URL('shop.wit', folder), 'utf8')
const none = { 'shop:pricing/discount': { of: () => 0n } }

const { exports, core } = await loadComponent(await readFile(new URL('shop.component.wasm', folder)), {
  wit,
  imports: none,
})
const item = { sku: 'tea', cents: 500n }
const print = (when) => console.log(`${when}: ${exports.price(item)} cents`)
print('as it was')

// A function that the component imports, by its name and with its types in WIT. An error says why there is no discount.
const discount = link(({ sku, cents }) => {
  if (sku !== 'tea') throw Object.assign(new Error('only tea'), { payload: 'only tea' })
  return cents / 10n
}, core.slot('shop:pricing/discount@0.1.0.of'))
print('with a discount')

// A function that the component exports: another function of its core module takes its place.
const price = link(core.exports['list-price'], core.slot('price'))
print('at the list price')
price.undo()
print('with a discount again')

// Or a function of JavaScript.
const double = link(({ cents }) => cents * 2n, core.slot('price'))
print('twice the price')
double.undo()
print('with a discount once more')

discount.undo()
print('as it was')
