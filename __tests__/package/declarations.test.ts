// The declarations: what users read in their editor.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support'

const types = join(root, 'types')
const index = readFileSync(join(root, 'index.d.ts'), 'utf8')

/** The names that `index.d.ts` exports. */
const exported = [...index.matchAll(/^export (?:type )?\{([^}]+)\}/gm)]
  .flatMap(([, list]) => list!.split(','))
  .map((name) => name.replace('type ', '').trim())
  .filter(Boolean)

/** The comment before the first declaration of each name of a file. */
function commentsOf(text: string): Map<string, string> {
  const comments = new Map<string, string>()
  const declared = /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?export (?:declare )?(?:class|function|const|type|interface) (\w+)/g
  for (const [, comment = '', name] of text.matchAll(declared)) {
    if (!comments.has(name!)) comments.set(name!, comment)
  }
  return comments
}

const files = readdirSync(types).map((file) => [file, readFileSync(join(types, file), 'utf8')] as const)
const comments = new Map(files.flatMap(([, text]) => [...commentsOf(text)]))

test.each(files)('%s begins with its noun, and is short', (_, text) => {
  expect(text).toMatch(/^\/\/ \S.*\.\n/)
  expect(text.split('\n').length).toBeLessThanOrEqual(200)
})

test.each(exported)('%s has an example, or names one', (name) => {
  expect(comments.get(name)).toMatch(/```(js|ts)\n|\{@link \w+|docs\/[\w-]+\.md/)
})

test('each error that is declared has a code, a class, and a reason', () => {
  const throws = files.flatMap(([file, text]) =>
    [...text.matchAll(/@throws ([^@]*?)(?=\n \* @|\n {3}\* @|\*\/)/g)].map(([, thrown]) => [file, thrown!] as const),
  )
  expect(throws.length).toBeGreaterThan(60)
  const vague = throws.filter(([, thrown]) => !/^(\{\w+( \| \w+)*\} \S|rejects with|as \{@link)/.test(thrown))
  expect(vague).toEqual([])
})
