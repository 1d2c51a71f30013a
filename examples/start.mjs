// The demonstration, in two parts: relinks one function, then a busy server.
import { seed } from './seed.mjs'
import { server } from './server.mjs'

await seed()
console.log()
process.exitCode = await server()
