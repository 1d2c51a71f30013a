// A third party's module, changed while it runs: two functions inside @dprint/json 0.24.0, as published, are replaced
// by functions of a Rust module of ours, and put back. Nobody built it for that, and no setting of dprint's does it.
//
//   npm run setup && node examples/hot-patch.mjs
//
// How the two were found: the module kept its name section, so `Module.slots(module, { all: true })` lists the Rust
// paths and types of its 974 functions, and the source of the crate dprint-core says what each does. Both look at
// nothing but borrowed arguments, so that a stand-in need not know them. It was tried which are still called: the
// compiler has inlined many into their callers, and the paths and types hold for this version only.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { link, load } from 'wasm-relink'
import { modulePath } from './modules.mjs'

const require = createRequire(import.meta.url)
// dprint's own glue, in a file that takes an instance made by others, and that the package does not export.
const { createFromInstance, createHost } = require(join(dirname(require.resolve('@dprint/formatter')), 'v4.js'))

const fileText = '{"name":"demo","tags":["a","b"],"size":{"width":3}}'
const published = '{ "name": "demo", "tags": ["a", "b"], "size": { "width": 3 } }\n'
const patches = [
  {
    // Called by name from nine places, and not exported: a slot because the option `slots` asks for it.
    path: 'PrintItems::push_space',
    implementation: 'no_space',
    formatted: '{ "name":"demo", "tags":["a", "b"], "size":{ "width":3}}\n',
  },
  {
    // A closure, called through the vtable of an `Rc<dyn Fn>`: a slot because its address is taken.
    path: 'get_is_multi_line_for_multi_line::{{closure}}',
    implementation: 'always_several_lines',
    formatted: `{
  "name": "demo",
  "tags": [
    "a",
    "b"
  ],
  "size": {
    "width": 3
  }
}
`,
  },
]

const host = createHost()
const dprint = await load(require('@dprint/json').getPath(), host.createImportObject(), {
  slots: ['PrintItems::push_space'],
})
const ours = await load(modulePath('json_layout'))
const formatter = createFromInstance(dprint, host)
const format = () => formatter.formatText({ filePath: 'demo.json', fileText })

assert.equal(format(), published)
console.log(`@dprint/json, as published:\n${published}`)
for (const { path, implementation, formatted } of patches) {
  const change = link(ours.exports[implementation], dprint.slot(path))
  assert.equal(format(), formatted)
  console.log(`after link(ours.exports.${implementation}, dprint.slot('${path}')):\n${formatted}`)
  change.undo()
  assert.equal(format(), published)
}
console.log(`after undo():\n${published}`)
