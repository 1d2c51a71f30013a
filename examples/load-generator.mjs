// Sends requests to a server from a thread of its own, and counts the answers.
import { Agent, request } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const CONNECTIONS = 8
const { port, order, totals } = workerData
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
const answers = totals.map(() => 0)
let requests = 0
let errors = 0
let stopped = false
parentPort.once('message', () => (stopped = true))

function ask() {
  return new Promise((resolve, reject) => {
    const options = { agent, port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': order.length } }
    const call = request(options, async (response) => {
      try {
        const body = Buffer.concat(await response.toArray())
        resolve(response.statusCode === 200 ? String(body) : `status ${response.statusCode}`)
      } catch (error) {
        reject(error)
      }
    })
    call.once('error', reject).end(order)
  })
}

async function connection() {
  while (!stopped) {
    requests++
    const version = totals.indexOf(await ask().catch(String))
    if (version >= 0) answers[version]++
    else errors++
  }
}

await Promise.all(Array.from({ length: CONNECTIONS }, connection))
agent.destroy()
parentPort.postMessage({ requests, errors, answers })
