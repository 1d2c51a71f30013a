'use strict'
// Compares the modules at the given paths, and prints two lines of JSON for each: one at the start, and the verdict.
const { readFileSync } = require('node:fs')
const { compare } = require('./typescript.cjs').ofTests('differential')

/** The verdict on a module for which the comparison itself failed. */
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
