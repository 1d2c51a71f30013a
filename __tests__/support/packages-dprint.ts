// The work for @dprint/json: documents of all kinds, with all its settings.
import { readFileSync } from 'node:fs'
import { type Formatter, type GlobalConfiguration, createFromBuffer } from '@dprint/formatter'
import { getPath } from '@dprint/json'
import { Answers, type PackageEngine, numbers, runOn } from './packages'

const random = numbers(1)
const words = [
  'plain',
  'two words',
  'straße',
  '日本語',
  '😀👩‍👩‍👧',
  'e\u0301',
  'שלום',
  '\\"\\\\\\/',
  '\\u00e9\\n',
  '\u200b',
]

/** A value of at most this many levels. */
function value(levels: number): string {
  const kind = random(levels > 0 ? 8 : 5)
  if (kind === 0) return ['null', 'true', 'false'][random(3)]!
  if (kind === 1) return `${random(2) ? '-' : ''}${random(1e6)}${random(2) ? `.${random(1e6)}e-${random(30)}` : ''}`
  if (kind < 5) return `"${words[random(words.length)]}${' x'.repeat(random(6))}"`
  const [open, close] = kind === 5 ? '[]' : '{}'
  const items = Array.from({ length: random(9) }, (_, index) => {
    const space = [' ', '', '\n', '\n\n\n', '\t', ' /* block */ ', ' // line\n'][random(7)]
    return `${space}${kind === 5 ? '' : `"key ${index}"${random(2) ? '' : ' '}:`}${value(levels - 1)}`
  })
  return `${open}${items.join(',')}${random(3) ? '' : '\n'}${close}`
}

const rows = Array.from({ length: 3300 }, (_, id) => ({
  id,
  name: words[id % words.length],
  tags: ['a', 'b'],
  at: [id, -id],
}))

// Not JSON: the error and its position must be the same.
const malformed = String.raw`
  { | [ | " | } | ] | : | , | / | - | 1. | 1e | .5 | 01 | 0x1F | +1 | nul | undefined | 😀 | /* open
  [1, | [,] | [1]] | [1 2] | {"a" | {"a": | {"a"} | {"a":} | {,} | {"a":1}} | {"a":1 "b":2} | {"a":"日本語" x}
  {'a':1} | {a:1} | "\x" | "\u12" | "\ud800"`
  .trim()
  .split(/ *[|\n] */)

const documents: Record<string, string> = {
  nothing: '',
  'a blank line': ' \n',
  null: 'null',
  'a number': ' -12.50e+3 ',
  'a string': '"text"',
  'empty ones': '[{},[],{ },[ ],{\n},[\n]]',
  'one line': '{"name":"demo","list":[1,2,{"a":null}],"deep":{"x":[[1,0],[0,1]],"y":{}}}',
  'several lines': '{\n"name":"demo","list":[\n1,2],\n\n\n\n"deep":{"x":\n[[1,0],[0,1]]}}',
  'a long list': `[${Array.from({ length: 300 }, (_, index) => index * 37).join(',')}]`,
  'long strings': JSON.stringify(Array.from({ length: 20 }, (_, index) => 'word '.repeat(index * 3))),
  deep: `${'[{"a":'.repeat(5)}1${'}]'.repeat(5)}`,
  comments:
    '// first\n{ // after\n/* before */"a"/* 1 */:/* 2 */1,// last\n//no space\n"b":[// in\n2,/* end */]\n// dangling\n}\n/* past\n   the end */',
  ignored: '{\n// dprint-ignore\n"matrix":   [1,0,\n   0,1],\n"other":   [1,0]}',
  'an ignored file': '// dprint-ignore-file\n{"a":   1}',
  'line ends of another system': '{\r\n"a":1,\r\n\r\n\r\n"b":[\r\n2\r\n]\r\n}\r\n',
  'a byte order mark': '\uFEFF{"a":1}',
  'trailing commas': '{"a":[1,2,],"b":{"c":3,},}',
  'control characters': '["\u0001\u001f\t"]',
  'all kinds': `[${Array.from({ length: 20 }, () => value(5)).join(',\n')}]`,
  '200 KB': JSON.stringify(rows),
  '200 KB on many lines': JSON.stringify(rows, null, 3),
  'many bytes a character': JSON.stringify(Array.from({ length: 2000 }, (_, index) => words[index % words.length])),
  'malformed: a line in a string': '"a\nb"',
  'malformed: a second value': '[1]\n[2]',
  ...Object.fromEntries(malformed.map((text) => [`malformed: ${text}`, text])),
}

const manifest = `{"version":"1.0.0","name":"demo","dependencies":{"zod":"^3.0.0","chalk":"^5.0.0"},
"scripts":{"test":"jest","build":"tsc"},"files":["lib"],"author":"x","license":"MIT","description":"a demo"}`

const settings: [global: GlobalConfiguration, plugin: Record<string, unknown>][] = [
  [{}, {}],
  [{ lineWidth: 40, indentWidth: 4, newLineKind: 'crlf' }, {}],
  [{ useTabs: true }, { 'array.preferSingleLine': true, 'object.preferSingleLine': true, trailingCommas: 'always' }],
  [{ lineWidth: 1 }, { spaceSurroundingProperties: false, 'commentLine.forceSpaceAfterSlashes': false, deno: true }],
  [
    {},
    { lineWidth: 'wide', newLineKind: 'none', deno: 1, unknown: [true], jsonTrailingCommaFiles: ['../a', './b', ''] },
  ],
]

/** A formatter on an instance of its own. */
export function dprintOn(engine: PackageEngine): Promise<Formatter> {
  return runOn(engine, () => createFromBuffer(readFileSync(getPath())))
}

/** Formats all documents, or only the small ones. */
export function askDprint(formatter: Formatter, engine: PackageEngine, which: 'all' | 'small'): Answers {
  const answers = new Answers()
  settings.forEach(([global, plugin], index) => {
    formatter.setConfig(global, plugin)
    answers.add(`${index}: configuration`, () => formatter.getResolvedConfig())
    answers.add(`${index}: diagnostics`, () => formatter.getConfigDiagnostics())
    answers.add(`${index}: files`, () => formatter.getFileMatchingInfo())
    const longest = which === 'small' ? 100 : index > 0 ? 10_000 : Infinity
    for (const [name, fileText] of Object.entries(documents)) {
      if (fileText.length > longest) continue
      answers.add(`${index}: ${name}`, () => formatter.formatText({ filePath: 'a.json', fileText }))
    }
    const filePath = '/app/package.json'
    answers.add(`${index}: a manifest`, () => formatter.formatText({ filePath, fileText: manifest }))
  })
  formatter.setConfig({}, {})
  const fileText = documents['one line']!
  const overridden = { filePath: 'a.jsonc', fileText, overrideConfig: { lineWidth: 20, indentWidth: 8 } }
  answers.add('for one document', () => formatter.formatText(overridden))
  answers.add('a range', () => formatter.formatText({ filePath: 'a.json', fileText, bytesRange: [0, 10] }))
  answers.add('about itself', () => formatter.getPluginInfo())
  answers.add('license', () => formatter.getLicenseText())
  answers.addMemory('memory', engine)
  return answers
}

/** Makes Rust panic, which is a trap here, and checks that the module goes on. */
export function trapDprint(formatter: Formatter, engine: PackageEngine): Answers {
  const answers = new Answers()
  const format = () => formatter.formatText({ filePath: 'a.json', fileText: '[1,{"a":2}]' })
  answers.add('before', format)
  answers.add('settings of a wrong type', () => formatter.setConfig({ lineWidth: 'wide' as never }, {}))
  answers.add('no settings', format)
  answers.add('other settings', () => formatter.setConfig({}, {}))
  answers.add('after', format)
  answers.addMemory('memory', engine)
  return answers
}
