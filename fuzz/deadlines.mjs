// Deadlines at random points of real packages, each followed by right answers of a fresh instance:
// `node fuzz/deadlines.mjs [deadlines] [seed]`. Without a number, it runs on.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { interrupted } = require('./deadlines/work.cjs')

const [most = Infinity, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
console.log(`seed ${seed}`)
const report = (done, ended) => {
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20)
  console.log(`${done} deadlines, of which ${ended} ended a call; RSS ${rss} MiB`)
}
await interrupted({ relink: require('..'), most, seed, report })
