// The work for source-map: maps from its own generator, and every query.
import { Answers, type PackageEngine, numbers, runOn } from './packages'

type SourceMap = typeof import('source-map')
type Consumer = import('source-map').BasicSourceMapConsumer | import('source-map').IndexedSourceMapConsumer
type RawMap = import('source-map').RawSourceMap

/** The package, loaded anew: it keeps the first instance that it makes. */
export async function sourceMapOn(engine: PackageEngine): Promise<SourceMap> {
  let sourceMap: SourceMap | undefined
  jest.isolateModules(() => {
    sourceMap = require('source-map') as SourceMap
  })
  await runOn(engine, () => sourceMap!.SourceMapConsumer.with(EMPTY, null, () => {}))
  return sourceMap!
}

/** One mapping: line 1, column 4 is line 2, column 3 of a.rs. */
export const MAP: RawMap = { version: 3, file: 'a.js', sources: ['a.rs'], names: [], mappings: 'IACG' }
const EMPTY: RawMap = { version: 3, file: 'a.js', sources: [], names: [], mappings: '' }

/** A map of random mappings, in which some have no name, and some no source. */
function generated({ SourceMapGenerator }: SourceMap, seed: number, count: number, sources: number): RawMap {
  const random = numbers(seed)
  const generator = new SourceMapGenerator({ file: 'out.js', sourceRoot: seed % 2 ? '/root' : '' })
  let [line, column] = [1, 0]
  for (let index = 0; index < count; index++) {
    if (random(8) === 0) [line, column] = [line + 1 + random(3), 0]
    column += random(4) ? 1 + random(30) : 0
    const mapping = {
      generated: { line, column },
      original: { line: 1 + random(count / sources), column: random(80) },
      source: `source-${random(sources)}.rs`,
      ...(random(3) ? {} : { name: `name ${random(50)}` }),
    }
    generator.addMapping(random(10) ? mapping : ({ generated: { line, column } } as typeof mapping))
  }
  for (let index = 0; index < sources; index += 2) generator.setSourceContent(`source-${index}.rs`, `// ${index}`)
  return generator.toJSON()
}

/** The maps, each under its name. */
function mapsOf(sourceMap: SourceMap, count: number): Record<string, object> {
  const small = generated(sourceMap, 1, 40, 2)
  const sections = [0, 1, 2].map((index) => ({
    // The second map begins in a line of the first.
    offset: [
      { line: 0, column: 0 },
      { line: 2, column: 25 },
      { line: 90, column: 7 },
    ][index],
    map: generated(sourceMap, 10 + index, 30, 3),
  }))
  return {
    empty: EMPTY,
    small,
    'of one line': { ...small, mappings: small.mappings.replaceAll(';', ',') },
    'with a source and a name twice': { ...small, sources: ['x', 'x'], names: small.names.map(() => 'n') },
    'of sections': { version: 3, file: 'all.js', sections },
    large: generated(sourceMap, 2, count, 40),
    'of no sources': { ...EMPTY, mappings: 'A,C;;E,GA' },
    'with a negative line': { ...EMPTY, sources: ['a'], mappings: 'AADA' },
    'with a number over 32 bits': { ...EMPTY, sources: ['a'], mappings: 'ggggggggggE' },
    'that ends within a number': { ...EMPTY, sources: ['a'], mappings: 'AAg' },
    'that is not base 64': { ...EMPTY, sources: ['a'], mappings: 'AA!A' },
    'beyond its sources': { ...EMPTY, mappings: 'AAEA' },
    'of another version': { ...EMPTY, version: 4 },
  }
}

/** Runs every query on all maps; the large one has `count` mappings. */
export async function askSourceMap(sourceMap: SourceMap, engine: PackageEngine, count: number): Promise<Answers> {
  const answers = new Answers()
  const maps = mapsOf(sourceMap, count)
  for (const [name, map] of Object.entries(maps)) {
    await askAbout(sourceMap, answers, name, map).catch((error) => answers.add(name, () => `rejects: ${error}`))
  }
  await askAboutNodes(sourceMap, answers, maps.small as RawMap)
  answers.addMemory('memory', engine)
  return answers
}

async function askAbout(sourceMap: SourceMap, answers: Answers, name: string, map: object): Promise<void> {
  const { SourceMapConsumer, SourceMapGenerator } = sourceMap
  const consumer: Consumer = await new SourceMapConsumer(map as RawMap, 'http://localhost/maps/out.js.map')
  const add = (question: string, ask: () => unknown) => answers.add(`${name}: ${question}`, ask)
  const { sources } = consumer
  add('sources', () => sources)
  add('contents', () => sources.map((source) => consumer.sourceContentFor(source, true)))
  add('all contents', () => consumer.hasContentsOfAllSources())
  add('no such source', () => consumer.sourceContentFor('nowhere.rs'))
  askPositions(sourceMap, add, consumer, 'without spans')
  consumer.computeColumnSpans()
  askPositions(sourceMap, add, consumer, 'with spans')
  add('line 0', () => consumer.originalPositionFor({ line: 0, column: 0 }))
  add('column -1', () => consumer.originalPositionFor({ line: 1, column: -1 }))
  add('original line 0', () => consumer.allGeneratedPositionsFor({ source: sources[0]!, line: 0, column: 0 }))
  add('order 3', () => consumer.eachMapping(() => {}, null, 3))
  add('asking while asked', () => {
    const found: unknown[] = []
    consumer.eachMapping(({ generatedLine: line, generatedColumn: column }) => {
      if (found.length < 50) found.push(consumer.originalPositionFor({ line, column }))
    })
    return found
  })
  add('an error of the callback', () => {
    const error = new Error('from the callback')
    try {
      consumer.eachMapping(() => {
        throw error
      })
    } catch (thrown) {
      return thrown === error
    }
    return 'no mapping'
  })
  add('another generator', () => {
    const again = SourceMapGenerator.fromSourceMap(consumer)
    if ('file' in consumer) again.applySourceMap(consumer, sources[0])
    return again.toString()
  })
  consumer.destroy()
  add('after it was destroyed', () => consumer.originalPositionFor({ line: 1, column: 5 }))
  consumer.destroy()
}

/** Each mapping in both orders, and positions at and near mappings. */
function askPositions(
  { SourceMapConsumer }: SourceMap,
  add: (question: string, ask: () => unknown) => void,
  consumer: Consumer,
  when: string,
): void {
  for (const order of ['GENERATED_ORDER', 'ORIGINAL_ORDER'] as const) {
    add(`${order}, ${when}`, () => {
      const mappings: unknown[] = []
      consumer.eachMapping((mapping) => mappings.push({ ...mapping }), null, SourceMapConsumer[order])
      return mappings
    })
  }
  const random = numbers(3)
  const places = Array.from({ length: 100 }, () => ({ line: 1 + random(60), column: random(90) }))
  const { sources } = consumer
  for (const bias of ['GREATEST_LOWER_BOUND', 'LEAST_UPPER_BOUND'] as const) {
    const biased = places.map((place) => ({ ...place, bias: SourceMapConsumer[bias] }))
    add(`originals, ${bias}, ${when}`, () => biased.map((place) => consumer.originalPositionFor(place)))
    add(`places, ${bias}, ${when}`, () =>
      [...sources, 'nowhere.rs'].map((source) =>
        biased.map((place) => consumer.generatedPositionFor({ ...place, source })),
      ),
    )
  }
  add(`all places, ${when}`, () =>
    sources.map((source) => places.map((place) => consumer.allGeneratedPositionsFor({ ...place, source }))),
  )
  add(`all places of lines, ${when}`, () =>
    sources.map((source) => places.map(({ line }) => consumer.allGeneratedPositionsFor({ source, line } as never))),
  )
}

/** Queries that read a map through the consumer, and write another. */
async function askAboutNodes(sourceMap: SourceMap, answers: Answers, map: RawMap): Promise<void> {
  const { SourceMapConsumer, SourceNode } = sourceMap
  const code = Array.from({ length: 40 }, (_, line) => `line ${line} ${'x'.repeat((line * 17) % 90)}`).join('\n')
  await SourceMapConsumer.with(map, null, (consumer) => {
    const node = SourceNode.fromStringWithSourceMap(code, consumer)
    node.prepend('/* head */\n').add(new SourceNode(1, 2, 'more.rs', ['more', '\n', 'lines'], 'name'))
    answers.add('nodes: walked', () => {
      const chunks: unknown[] = []
      node.walk((chunk, place) => chunks.push([chunk, place]))
      return chunks
    })
    answers.add('nodes: their map', () => {
      const { code, map } = node.toStringWithSourceMap({ file: 'all.js' })
      return [code, map.toJSON()]
    })
  })
}
