// The main job, in two parts: relink one function, then relink a server that is busy.
import { seed } from './seed.mjs'
import { server } from './server.mjs'

await seed()
console.log()
process.exitCode = await server()
