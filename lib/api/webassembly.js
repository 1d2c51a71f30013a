'use strict'

// The object `WebAssembly`.

const compile = require('./compile')
const { BaseCompileError, BaseLinkError, BaseRuntimeError, BaseSuspendError } = require('../errors')
const { Exception } = require('./exception')
const { Global } = require('./global')
const { Instance } = require('./instance')
const instantiate = require('./instantiate')
const { Memory } = require('./memory')
const { Module } = require('./module')
const { node } = require('../node/node-webassembly')
const { Suspending, promising } = require('./promising')
const streaming = require('../node/streaming')
const { Table } = require('./table')
const { Tag } = require('./tag')

const functions = { ...compile.standard, ...instantiate.standard, ...streaming.standard }

const classes = {
  Module,
  Instance,
  Table,
  Memory,
  Global,
  Tag,
  Exception,
  CompileError: BaseCompileError,
  LinkError: BaseLinkError,
  RuntimeError: BaseRuntimeError,
}

// As far as Node has them.
if (node?.promising !== undefined) {
  functions.promising = promising
  Object.assign(classes, { Suspending, SuspendError: BaseSuspendError })
}

/** The WebAssembly JS API of this package, with the members of `globalThis.WebAssembly`. */
const WebAssembly = {}
for (const [name, value] of Object.entries(functions)) {
  Object.defineProperty(WebAssembly, name, { value, writable: true, enumerable: true, configurable: true })
}
for (const [name, value] of Object.entries(classes)) {
  Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true })
}
Object.defineProperty(WebAssembly, Symbol.toStringTag, { value: 'WebAssembly', configurable: true })

module.exports = { WebAssembly }
