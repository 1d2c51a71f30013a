// An HTTP server that asks a plugin about each request, and takes the plugin's second version while it runs.
//
//   node examples/http-filter.mts    (Node 22.18 or newer; listens at port 8080, and the signal SIGHUP upgrades it)
import { createServer } from 'node:http'
import { link, load } from 'wasm-relink'

type Request = { method: string; path: string; headers: [string, string][]; body: Uint8Array }
type Decision = { tag: 'reject'; val: { status: number; reason: string } } | { tag: 'forward'; val: Uint8Array }
type Decide = (request: Request) => Decision

const file = (name: string) => new URL(`../fixtures/wasm/${name}.wasm`, import.meta.url)
const plugin = await load<{ exports: { filter: Decide } }>(file('http_filter'))

export const server = createServer(async (request, response) => {
  const { method = '', url: path = '' } = request
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
  const decision = plugin.exports.filter({ method, path, headers, body: Buffer.concat(await request.toArray()) })
  if (decision.tag === 'forward') return void response.end(decision.val)
  response.writeHead(decision.val.status).end(decision.val.reason)
})

/** Takes the second version; `undo()` of what it returns takes the first again. */
export async function upgrade() {
  const next = await load<{ exports: { decide: Decide } }>(file('http_filter_v2'))
  return link(next.exports.decide, plugin.slot('http_filter::decide'))
}

if (process.argv[1] === import.meta.filename) server.listen(8080, () => process.once('SIGHUP', upgrade))
