// Loads a component: jco transpiles it, and its core modules become Modules and Instances of wasm-relink.
import { transpileBytes } from '@bytecodealliance/jco-transpile'
import { Instance, Module } from 'wasm-relink'

/**
 * Makes an instance of a component. `wit` is the text of its world, and `imports` has its imports by interface, as jco names them.
 * `exports` are its functions; `core` is the Instance with its own code, whose slots have the names and types of the world.
 */
export async function loadComponent(bytes, { wit, imports = {}, name = 'component' }) {
  const options = { name, instantiation: { tag: 'sync' }, noTypescript: true, noNodejsCompat: true }
  const { files } = await transpileBytes(bytes, options)
  const source = Buffer.from(files[`${name}.js`]).toString('base64')
  const { instantiate } = await import(`data:text/javascript;base64,${source}`)
  let core
  const exports = instantiate(
    (path) => new Module(files[path]),
    imports,
    (module, given) => {
      // jco's other core modules only pass functions from one to the next.
      const isOwn = Module.exports(module).some((each) => each.name === 'cabi_realloc')
      if (!isOwn) return new Instance(module, given)
      core = new Instance(module, given, { wit })
      return { exports: coreExports(module, core) }
    },
  )
  return { exports, core }
}

/** The exports with core values, as jco calls them: `core.exports` has functions with the types of the world in their place. */
function coreExports(module, core) {
  const replaced = ({ kind, name }) => kind === 'function' && name !== 'cabi_realloc'
  const entries = Module.exports(module).map((each) => {
    if (!replaced(each)) return [each.name, core.exports[each.name]]
    const slot = core.slot(each.name)
    return [each.name, (...values) => slot.current(...values)]
  })
  return Object.fromEntries(entries)
}
