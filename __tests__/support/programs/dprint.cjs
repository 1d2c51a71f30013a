// @dprint/json with @dprint/formatter: without wasm-bindgen, with calls in both directions and its own memory.
const { readFileSync } = require('node:fs')
const { createFromBuffer } = require('@dprint/formatter')
const { getPath } = require('@dprint/json')

const formatter = createFromBuffer(readFileSync(getPath()))
console.log(JSON.stringify(formatter.getPluginInfo()), formatter.getLicenseText().length)
const texts = [
  '{"a":[1,2,{"b":null}],/* c */"d":"e"}',
  '[ ]',
  '{',
  '{"long":[' + Array(60).fill('12345').join(',') + ']}',
]
for (const config of [{}, { lineWidth: 20, useTabs: true }]) {
  formatter.setConfig({}, config)
  for (const fileText of texts) {
    try {
      console.log(formatter.formatText({ filePath: 'a.json', fileText }))
    } catch (error) {
      console.log(String(error))
    }
  }
}
