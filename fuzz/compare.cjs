'use strict'
// Compares the modules at the given paths. Prints two lines of JSON for each: one when it begins, and its verdict.
const { readFileSync } = require('node:fs')
const { compare } = require('./typescript.cjs').ofTests('differential')

/** The verdict for a module on which the comparison itself failed. */
function failed(error) {
  return { differences: [error.stack], ran: [], refused: {}, known: [], steps: 0, returned: 0 }
}

async function main() {
  for (const path of process.argv.slice(2)) {
    console.log(JSON.stringify({ path }))
    const verdict = await compare(new Uint8Array(readFileSync(path))).catch((error) => failed(error))
    console.log(JSON.stringify({ path, verdict }))
  }
}

main()
