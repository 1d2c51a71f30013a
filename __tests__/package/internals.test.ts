// docs/internals: the files, functions and types that it names exist where it says, and the overview names every source file.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const root = join(__dirname, '../..')

const FOLDERS = [
  'src',
  'lib',
  'bin',
  'docs',
  'fixtures',
  'fuzz',
  'guest',
  'bench',
  'scripts',
  'stubs',
  '__tests__',
  'npm',
]
const folder = join(root, 'docs/internals')
const pages = readdirSync(folder).map((page) => [page, readFileSync(join(folder, page), 'utf8')] as const)

/** The contents of the files of some folders. */
const contents = (folders: string[]) =>
  folders
    .flatMap((name) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((path) => join(root, name, path)),
    )
    .filter((path) => /\.(rs|js|ts)$/.test(path) && statSync(path).isFile())
    .map((path) => readFileSync(path, 'utf8'))

const code = contents(['src', 'lib'])
const everything = [...code, ...contents(['__tests__', 'fixtures/seed_raw/src'])].join('\n')

/** Names of wasmer's options */
const FOREIGN = new Set(['opt_level'])

/** Tells if a file has this member on this type, or in this module. */
const hasMember = (owner: string, member: string) => {
  const declaration = new RegExp(`\\b(?:impl|struct|enum|trait|class|mod)\\b[^{;]*\\b${owner}\\b`)
  const use = new RegExp(`(?:\\bfn |\\bget |\\bpub |^ *|\\b)${member}\\b`, 'm')
  return code.some((text) => declaration.test(text) && use.test(text))
}

test.each(pages)('the paths in %s exist', (_, text) => {
  const pattern = new RegExp(`(?<![\\w./-])(?:${FOLDERS.join('|')})/[\\w./-]*\\w`, 'g')
  const paths = [...text.matchAll(pattern)].map(([path]) => path)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test.each(pages)('the functions and types in %s exist', (_, text) => {
  const members = [...text.matchAll(/\b([A-Z]\w*)::([A-Za-z_]\w*)/g)]
  expect(
    members.filter(([, owner, member]) => owner !== 'wasmer' && !hasMember(owner!, member!)).map(([name]) => name),
  ).toEqual([])
  const methods = [...text.matchAll(/`([A-Z]\w*)\.([a-z]\w*)`/g)].filter(([, owner]) =>
    new RegExp(`class ${owner}\\b`).test(everything),
  )
  expect(methods.filter(([, owner, method]) => !hasMember(owner!, method!)).map(([name]) => name)).toEqual([])
  const names = [...text.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(([, name]) => name!)
  expect(names.filter((name) => !FOREIGN.has(name) && !new RegExp(`\\b${name}\\b`).test(everything))).toEqual([])
})

/** Files of the tree by their last name. */
const files = ['src', 'lib', 'bin', '__tests__', 'bench', 'fuzz', 'scripts', 'types']
  .flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((path) => `${name}/${path}`),
  )
  .filter((path) => /\.(rs|js|cjs|mjs|ts)$/.test(path) && !/(^|\/)(node_modules|target)\//.test(path))

/** Tells if a text defines a name, as an item or, with `isMember`, also as a member. */
const defines = (text: string, name: string, isMember: boolean) =>
  new RegExp(
    `\\b(?:fn|struct|enum|union|trait|type|const|static|mod|class|interface|function|get|macro_rules!)\\s+${name}\\b` +
      (isMember
        ? `|\\blet ${name}\\b|^\\s*(?:(?:pub(?:\\([^)]*\\))?|async|static|readonly)\\s+)*[#'"]?${name}["']?\\s*[(:,={?]`
        : ''),
    'm',
  ).test(text)

/** The claims "`X` in `file`", "`X` (`file`)" and, in drawings, "X    file": each with one name or a list of names. */
function claims(text: string) {
  const quoted = /((?:`[^`\n]+`(?:, | and | or ))*`[^`\n]+`)(?: in | \()`([\w./-]+\.(?:rs|js|cjs|mjs|ts))`/g
  const drawn = /^[ │├└▼\d]*((?:[\w:.]+, )*[\w:.]+) {2,}((?:src|lib)\/[\w./-]+\.(?:rs|js))/gm
  return [quoted, drawn].flatMap((pattern) =>
    [...text.matchAll(pattern)].flatMap(([, names, file]) =>
      [...names!.matchAll(/[\w:.]+(?:\(\))?/g)].map(([name]) => ({ name, file: file! })),
    ),
  )
}

test.each(pages)('each name that %s says is in a file is defined there', (_, text) => {
  const wrong = claims(text).filter(({ name, file }) => {
    if (!/^[A-Za-z_]\w*(?:(?:::|\.)\w+)*(?:\(\))?$/.test(name) || /^(and|or)$|\.(rs|js)$/.test(name)) return false
    const [member, owner] = name.replace('()', '').split(/::|\./).toReversed()
    const isMember = owner !== undefined || /^[a-z]/.test(member!)
    const paths = files.filter((path) => path === file || path.endsWith(`/${file}`))
    return !paths.some((path) => {
      const content = readFileSync(join(root, path), 'utf8')
      return defines(content, member!, isMember) && (owner === undefined || new RegExp(`\\b${owner}\\b`).test(content))
    })
  })
  expect(wrong.map(({ name, file }) => `${name} in ${file}`)).toEqual([])
})

describe('the overview lists each file of', () => {
  const [, overview] = pages.find(([page]) => page === 'overview.md')!
  const rooms = [...overview.matchAll(/^\| `(src\/[\w/]+)` \| (.*) \|$/gm)].map(
    ([, room, files]) => [room!, files!] as const,
  )

  test.each(rooms)('%s', (room, text) => {
    const present = readdirSync(join(root, room))
      .map((name) => basename(name, '.rs'))
      .filter(
        (name) => !/^(mod|tests|test_support)$/.test(name) && !rooms.some(([other]) => other === `${room}/${name}`),
      )
    const listed = [...text.replace(/\([^)]*\)/g, '').matchAll(/`(\w+)\/?`/g)].map(([, name]) => name!)
    expect(listed.toSorted()).toEqual(present.toSorted())
  })

  test('every folder of src', () => {
    const folders = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .map((path) => `src/${path.replaceAll('\\', '/')}`)
      .filter((path) => statSync(join(root, path)).isDirectory() && !/\/(legacy|tests)$/.test(path))
      .filter((path) =>
        readdirSync(join(root, path)).some((name) => name.endsWith('.rs') && name !== 'mod.rs' && name !== 'tests.rs'),
      )
    expect(rooms.map(([room]) => room).toSorted()).toEqual(folders.toSorted())
  })
})
