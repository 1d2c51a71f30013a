// One link between two modules, and its undo.
import { link, load } from 'wasm-relink'
import { modulePath } from './modules.mjs'

/** Loads two instances of the module, and links a function of one into a slot of the other. */
export async function seed() {
  const imports = { env: { host_hook() {} } }
  const a = await load(modulePath('seed.O3'), imports)
  const b = await load(modulePath('seed.O3'), imports)

  console.log('Two modules, built by rustc at opt-level 3: in b, watch_me() calls replace_me().')
  console.log(`  b.watch_me() is ${b.exports.watch_me()}`)
  const change = link(a.exports.return_50, b.slots['seed::replace_me'])
  console.log(
    `  b.watch_me() is ${b.exports.watch_me()}   after link(a.exports.return_50, b.slots['seed::replace_me'])`,
  )
  change.undo()
  console.log(`  b.watch_me() is ${b.exports.watch_me()}   after undo()`)
}
