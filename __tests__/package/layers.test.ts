// The layers of `src`: arrows point down, and neither files nor folders of a layer import each other in a circle.
import { uses } from '../support/rust-uses'

/** The layers from the top. `error` is for all of them. */
const LAYERS = ['napi', 'wasi', 'link', 'store', 'engine', 'rewrite', 'abi', 'wasm', 'error']

const layerOf = (module: string) => LAYERS.indexOf(module.split('::')[0]!)
const edges = [...uses()].flatMap(([from, all]) => [...all].map((to) => [from, to] as const))

/** A circle in a graph, as the list of its nodes; empty if there is none. */
function circle(graph: readonly (readonly [string, string])[]): string[] {
  const next = new Map<string, string[]>()
  for (const [from, to] of graph) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const visit = (node: string, path: string[]): string[] => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node]
    if (done.has(node)) return []
    for (const to of next.get(node) ?? []) {
      const found = visit(to, [...path, node])
      if (found.length > 0) return found
    }
    done.add(node)
    return []
  }
  return [...next.keys()].map((node) => visit(node, [])).find((found) => found.length > 0) ?? []
}

test('no layer uses one above it', () => {
  expect(edges.length).toBeGreaterThan(500)
  expect(edges.filter(([from, to]) => layerOf(from) > layerOf(to)).map((edge) => edge.join(' → '))).toEqual([])
})

test('no files import each other in a circle', () => {
  expect(circle(edges)).toEqual([])
})

test('no two folders import each other', () => {
  const folder = (module: string) => module.split('::').slice(0, -1).join('::')
  const between = edges
    .map(([from, to]) => [folder(from), folder(to)] as const)
    .filter(([from, to]) => from !== '' && to !== '' && !from.startsWith(to) && !to.startsWith(from))
  const known = new Set(between.map((edge) => edge.join(' → ')))
  expect(between.filter(([from, to]) => known.has(`${to} → ${from}`)).map((edge) => edge.join(' → '))).toEqual([])
})
