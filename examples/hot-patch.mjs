// Replaces two functions inside a third party's running module by functions of another Rust module, and restores them. The
// module is @dprint/json 0.24.0, as published. It was not built for this, and dprint has no setting for it.
//
//   npm run setup && node examples/hot-patch.mjs
//
// How the two were found: the module has a name section, so `Module.slots(module, { all: true })` lists the Rust paths and
// types of its 974 functions. The source of the crate dprint-core shows what each does. Both functions only borrow their
// arguments, so a replacement may ignore them. The compiler has inlined many other functions into their callers; trying
// showed which are still called. The paths and types are those of this version only.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { link, load } from 'wasm-relink'
import { modulePath } from './modules.mjs'

const require = createRequire(import.meta.url)
// dprint's own glue. This file accepts an instance that other code has made; the package does not export it.
const { createFromInstance, createHost } = require(join(dirname(require.resolve('@dprint/formatter')), 'v4.js'))

const fileText = '{"name":"demo","tags":["a","b"],"size":{"width":3}}'
const published = '{ "name": "demo", "tags": ["a", "b"], "size": { "width": 3 } }\n'
const patches = [
  {
    // Called directly from nine places, and not exported: a slot because the option `slots` names it.
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
