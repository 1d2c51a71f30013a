'use strict'
// Runs the load-time pass, and perhaps a compiler, on a file; prints the outcomes and the growth of this process's memory.
const { readFileSync } = require('node:fs')
const { CompileError, Module, inspect, rewrite } = require('..')

const [path, ...steps] = process.argv.slice(2)

const doing = {
  'rewrite none': (bytes) => rewrite(bytes, { slots: 'none' }),
  'rewrite all': (bytes) => rewrite(bytes, { slots: 'all' }),
  inspect: (bytes) => inspect(bytes, { slots: 'all' }),
  cranelift: (bytes) => new Module(bytes, { slots: 'all' }),
  singlepass: (bytes) => new Module(bytes, { slots: 'all', compiler: 'singlepass' }),
}

function outcome(run) {
  try {
    run()
    return { code: 'taken' }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return { code: error.code, offset: error.offset, message: error.message }
  }
}

const peak = () => process.resourceUsage().maxRSS * 1024
const bytes = readFileSync(path)
rewrite(Buffer.from('\0asm\x01\0\0\0', 'latin1'))
const before = peak()
const outcomes = steps.map((step) => ({ step, ...outcome(() => doing[step](bytes)) }))
console.log(JSON.stringify({ size: bytes.length, growth: peak() - before, outcomes }))
