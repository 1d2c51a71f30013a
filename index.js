'use strict'

const { apply } = require('./lib/api/apply')
const { cache } = require('./lib/api/cache')
const { compile, validate } = require('./lib/api/compile')
const { CompileError, LinkError, RuntimeError, SuspendError } = require('./lib/errors')
const { Exception } = require('./lib/api/exception')
const { Global } = require('./lib/api/global')
const { Instance } = require('./lib/api/instance')
const { instantiate } = require('./lib/api/instantiate')
const { Interrupter } = require('./lib/api/interrupter')
const { Link, link } = require('./lib/api/link')
const { compileFile, load } = require('./lib/api/load')
const { Memory } = require('./lib/api/memory')
const { OwnModule: Module } = require('./lib/api/module')
const { Suspending, promising } = require('./lib/api/promising')
const { Relink, relink } = require('./lib/api/relink')
const { inspect, rewrite } = require('./lib/api/rewrite')
const { Slot } = require('./lib/api/slot')
const { Split, split } = require('./lib/api/split')
const { Store } = require('./lib/api/store')
const { Table } = require('./lib/api/table')
const { Tag } = require('./lib/api/tag')
const { WebAssembly } = require('./lib/api/webassembly')
const { watch } = require('./lib/api/watch')
const { Watcher } = require('./lib/api/watcher')
const { withTimeout } = require('./lib/api/with-timeout')
const { wrap } = require('./lib/api/wrap')

// One literal with plain names: Node's CommonJS lexer finds them for `import { link } from 'wasm-relink'`.
module.exports = {
  CompileError,
  Exception,
  Global,
  Instance,
  Interrupter,
  Link,
  LinkError,
  Memory,
  Module,
  Relink,
  RuntimeError,
  Slot,
  Split,
  Store,
  SuspendError,
  Suspending,
  Table,
  Tag,
  Watcher,
  WebAssembly,
  apply,
  cache,
  compile,
  compileFile,
  inspect,
  instantiate,
  link,
  load,
  promising,
  relink,
  rewrite,
  split,
  validate,
  watch,
  withTimeout,
  wrap,
}
