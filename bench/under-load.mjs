// A server whose plugin is relinked under load: `node bench/under-load.mjs [--short]`.
//
// 64 connections send requests; each answer comes from ten slots, which 200 commits replace while requests flow. The program
// prints the latencies with and without commits, in milliseconds, and ends with 1 if a request failed, or if an answer mixes
// versions or is older than the version that was in force when its request began.
import { Agent, createServer, request } from 'node:http'
import { once } from 'node:events'
import { Instance, Module, Store, relink } from 'wasm-relink'
import { assemble } from './wat.mjs'

const SLOTS = Array.from({ length: 10 }, (_, index) => `load::s${index}`)
const CONNECTIONS = 64

/** Exports `answer`: the version that all ten slots give, or -1 if they differ. The slots' own version is `version`. */
const module = new Module(
  assemble(`(module
    ${SLOTS.map((name, index) => `(import "relink" "${name}" (func $s${index} (result i32)))`).join('\n')}
    (global $version (export "version") (mut i32) (i32.const 0))
    ${SLOTS.map((name) => `(func (export "relink:${name}") (result i32) (global.get $version))`).join('\n')}
    (func (export "answer") (result i32) (local $first i32)
      (local.set $first (call $s0))
      ${SLOTS.map(
        (_, index) => `(if (i32.ne (local.get $first) (call $s${index})) (then (return (i32.const -1))))`,
      ).join('\n')}
      (local.get $first)))`),
)

/** A plugin, and the commit that makes all of its slots give a version. */
function plugin() {
  const store = new Store({ historyLimit: 4 })
  const host = new Instance(module, {}, { store })
  let version = 0
  const upgrade = () => {
    const next = new Instance(module, {}, { store })
    next.exports.version.value = version + 1
    const changes = Object.fromEntries(SLOTS.map((name) => [name, next.slot(name).original]))
    relink(changes, host, { label: `version ${version + 1}` })
    version++
  }
  return { answer: () => host.exports.answer(), version: () => version, upgrade }
}

/** Sends one request, and resolves to the body. */
async function ask(agent, port) {
  const [response] = await once(request({ agent, port }).end(), 'response')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return Number(text)
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Runs the load: `commits` commits with `requests` requests after each, spread over the connections. */
export async function load({ commits, requests, swap }) {
  const { answer, version, upgrade } = plugin()
  const server = createServer(async (_, response) => {
    // The plugin is asked in a later turn than the request came in, so commits fall in between.
    await turn()
    response.end(String(answer()))
  })
  server.listen(0)
  await once(server, 'listening')
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const latencies = []
  const counts = { failed: 0, mixed: 0, old: 0 }
  let left = commits * requests
  const connection = async () => {
    while (left-- > 0) {
      const [start, before] = [performance.now(), version()]
      const got = await ask(agent, server.address().port).catch(() => undefined)
      latencies.push(performance.now() - start)
      if (got === undefined) counts.failed++
      else if (got === -1) counts.mixed++
      else if (got < before || got > version()) counts.old++
    }
  }
  const swapping = async () => {
    for (let made = 0; made < commits && swap; made++) {
      const due = commits * requests - (made + 1) * requests
      while (left > due) await turn()
      upgrade()
    }
  }
  await Promise.all([swapping(), ...Array.from({ length: CONNECTIONS }, connection)])
  agent.destroy()
  server.close()
  latencies.sort((a, b) => a - b)
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))]
  const [p50, p99, worst] = [0.5, 0.99, 1].map((part) => Number(at(part).toFixed(2)))
  return { requests: latencies.length, commits: version(), ...counts, p50, p99, worst }
}

if (process.argv[1]?.endsWith('under-load.mjs')) {
  const requests = process.argv.includes('--short') ? 8 : 200
  await load({ commits: 20, requests, swap: false }) // warms up
  const results = {}
  for (const swap of [false, true])
    results[swap ? 'with commits' : 'without'] = await load({ commits: 200, requests, swap })
  console.table(results)
  const bad = Object.values(results).some(({ failed, mixed, old }) => failed + mixed + old > 0)
  if (bad) process.exitCode = 1
}
