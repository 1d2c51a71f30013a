'use strict'

const { cache } = require('./lib/cache')
const { compile, validate } = require('./lib/compile')
const { CompileError, LinkError, RuntimeError } = require('./lib/errors')
const { Exception } = require('./lib/exception')
const { Global } = require('./lib/global')
const { Instance } = require('./lib/instance')
const { instantiate } = require('./lib/instantiate')
const { Link, link } = require('./lib/link')
const { compileFile, load } = require('./lib/load')
const { Memory } = require('./lib/memory')
const { OwnModule: Module } = require('./lib/module')
const { Relink, relink } = require('./lib/relink')
const { inspect, rewrite } = require('./lib/rewrite')
const { Slot } = require('./lib/slot')
const { Store } = require('./lib/store')
const { Table } = require('./lib/table')
const { Tag } = require('./lib/tag')
const { WebAssembly } = require('./lib/webassembly')

// Plain names in one literal: this is how Node finds them for `import { link } from 'wasm-relink'`.
module.exports = {
  CompileError,
  Exception,
  Global,
  Instance,
  Link,
  LinkError,
  Memory,
  Module,
  Relink,
  RuntimeError,
  Slot,
  Store,
  Table,
  Tag,
  WebAssembly,
  cache,
  compile,
  compileFile,
  inspect,
  instantiate,
  link,
  load,
  relink,
  rewrite,
  validate,
}
