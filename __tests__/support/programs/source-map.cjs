// source-map 0.8: written by hand against the JS API.
const { SourceMapConsumer, SourceMapGenerator } = require('source-map')

const generator = new SourceMapGenerator({ file: 'out.js' })
for (let i = 0; i < 500; i++) {
  const generated = { line: 1 + Math.floor(i / 20), column: (i % 20) * 4 }
  const original = { line: 1 + ((i * 7) % 300), column: i % 50 }
  generator.addMapping({ generated, original, source: `${i % 3}.rs`, name: i % 4 ? `name${i % 9}` : undefined })
}
void (async () => {
  await SourceMapConsumer.with(generator.toJSON(), null, (consumer) => {
    for (let i = 0; i < 60; i++) console.log(consumer.originalPositionFor({ line: 1 + (i % 26), column: i * 3 }))
    for (let i = 1; i < 40; i++)
      console.log(consumer.allGeneratedPositionsFor({ source: `${i % 3}.rs`, line: i, column: null }))
    let count = 0
    consumer.eachMapping(() => count++, null, SourceMapConsumer.ORIGINAL_ORDER)
    console.log(count)
  })
  await new SourceMapConsumer({ version: 3, sources: [], names: [], mappings: 'AAA;!' })
    .then((consumer) => consumer.eachMapping(() => {}))
    .catch((error) => console.log(String(error)))
})()
