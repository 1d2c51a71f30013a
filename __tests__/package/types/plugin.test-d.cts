// The same package from CommonJS.
import relinker = require('wasm-relink')
import { link, load, type Slot } from 'wasm-relink'

async function main(): Promise<void> {
  const plugin = await relinker.load<{
    exports: { half(cents: bigint): bigint; rate(country: number): number }
    slots: { 'pricing::discount': (cents: bigint) => bigint }
  }>('pricing.wasm')
  const slot: Slot<[bigint], bigint> = plugin.slots['pricing::discount']
  link(plugin.exports.half, slot).undo()
  // @ts-expect-error number against bigint
  link(plugin.exports.rate, slot)
  const other = await load('other.wasm')
  other.close()
}

void main
