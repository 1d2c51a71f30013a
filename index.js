'use strict'

const { compile, validate } = require('./lib/compile')
const { CompileError, LinkError, RuntimeError } = require('./lib/errors')
const { Global } = require('./lib/global')
const { Instance } = require('./lib/instance')
const { instantiate } = require('./lib/instantiate')
const { Link, link } = require('./lib/link')
const { load } = require('./lib/load')
const { Memory } = require('./lib/memory')
const { Module } = require('./lib/module')
const { Relink, relink } = require('./lib/relink')
const { inspect, rewrite } = require('./lib/rewrite')
const { Slot } = require('./lib/slot')
const { Store } = require('./lib/store')
const { Table } = require('./lib/table')

// Plain names in one literal: this is how Node finds them for `import { link } from 'wasm-relink'`.
module.exports = {
  CompileError,
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
  compile,
  inspect,
  instantiate,
  link,
  load,
  relink,
  rewrite,
  validate,
}
