// A price server whose plugin is relinked three times while a load generator keeps it busy.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { link, load } from 'wasm-relink'
import { modulePath } from './modules.mjs'
import { order, totals } from './orders.mjs'

/** How long each version serves, in milliseconds. */
const PHASE = 2000

/** Serves, relinks and reports. Returns the exit code: 0 if every request got the correct answer. */
export async function server() {
  const plugin = await load(modulePath('pricing'))
  const promotions = await load(modulePath('pricing_promotions'))
  const http = createServer((request, response) => answer(plugin, request, response))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address()
  console.log(`A price server on 127.0.0.1:${port}: its plugin is relinked three times under load.`)

  const generator = new Worker(new URL('./load-generator.mjs', import.meta.url), {
    workerData: { port, order, totals: totals.map(([, total]) => total) },
  })
  const report = once(generator, 'message')
  await sleep(PHASE)
  for (const [name] of totals.slice(1)) {
    const start = performance.now()
    link(promotions.exports[name], plugin.slot('discount'))
    const microseconds = (performance.now() - start) * 1000
    console.log(`  linked ${name.padEnd(15)} in ${microseconds.toFixed(1)} µs`)
    await sleep(PHASE)
  }
  generator.postMessage('stop')
  const [{ requests, errors, answers }] = await report
  http.close()

  console.log(
    `  requests ${requests}, errors ${errors}, ${Math.round(requests / ((totals.length * PHASE) / 1000))} a second`,
  )
  totals.forEach(([name, total], index) =>
    console.log(`  ${name.padEnd(15)} ${total} cents: ${answers[index]} answers`),
  )
  // A version without answers was never linked, even if there were no errors.
  return errors === 0 && answers.every((count) => count > 0) ? 0 : 1
}

/** Answers one order with its total in cents. */
async function answer({ exports }, request, response) {
  try {
    const body = Buffer.concat(await request.toArray())
    const text = exports.alloc(body.length)
    body.copy(new Uint8Array(exports.memory.buffer), text)
    const total = BigInt.asUintN(64, exports.total(text, body.length))
    exports.free(text, body.length)
    response.end(String(total))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}
