// Recursions that call code of the host each time, until the stack ends: writes the trap of each.
const loadWabt = require('wabt')
const { Instance, Module, Store, Suspending, promising } = require('../..')

const EACH = [
  '(call $import (i32.const 0))',
  '(memory.grow (i32.const 0))',
  '(table.grow $table (ref.null extern) (i32.const 0))',
  '(memory.atomic.notify (i32.const 0) (i32.const 1))',
]

const text = (each) => `(module (import "env" "import" (func $import (param i32) (result i32)))
  (memory 1 1 shared) (table $table 1 externref)
  (func $deep (param i32) (result i32) (drop ${each}) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func (export "deep") (param i32) (result i32) (call $deep (local.get 0))))`

async function main() {
  const wabt = await loadWabt()
  const store = new Store({ stackSize: 1 << 17 })
  for (const each of EACH) {
    const bytes = wabt.parseWat('deep.wat', text(each), { reference_types: true, threads: true }).toBinary({}).buffer
    for (const compiler of ['cranelift', 'singlepass']) {
      const imports = { env: { import: new Suspending((value) => value) } }
      const { exports } = new Instance(new Module(bytes, { compiler }), imports, { store })
      const deep = async () => exports.deep(0)
      for (const run of [deep, promising(exports.deep), promising(exports.deep)]) {
        const error = await run(0).catch((error) => error)
        process.stdout.write(`${error.trap ?? error} `)
      }
    }
  }
}

void main()
