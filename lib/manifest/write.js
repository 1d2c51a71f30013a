'use strict'

// The manifest of a store's present state.

const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { basename, resolve } = require('node:path')
const { Instance, findInstance } = require('../api/instance')
const { LinkError } = require('../errors')
const { linksOf } = require('../internal/history-entries')
const { ownerOf } = require('../internal/owners')
const { contentHash } = require('../native/manifest')
const { isSwitched } = require('./links')
const { nameOf } = require('./functions')
const { stateOf } = require('./state')

/** The error for a state that no manifest says. */
const unwritable = (message, details, cause = undefined) =>
  new LinkError(`the state of the store cannot be written as a manifest: ${message}`, {
    code: 'ERR_RELINK_MANIFEST',
    details,
    ...(cause && { cause }),
  })

/** The modules of a manifest that is being written, each with its name. */
class Names {
  #state
  #of = new Map()
  modules = Object.create(null)

  constructor(state) {
    this.#state = state
  }

  /** The name of an instance, which is added if it is not there. `path` is the item that needs it. */
  of(instance, path) {
    const known = this.#of.get(instance)
    if (known !== undefined) return known
    const { compiled } = findInstance(instance)
    if (compiled.file === undefined) throw unwritable('a linked module was not loaded from a file', { path })
    const file = resolve(compiled.file)
    return this.#add(instance, unused(basename(file, '.wasm'), this.#taken()), { file, sha256: hashOf(file, compiled) })
  }

  /** Adds an instance that a manifest has named. */
  addNamed(name, { instance, file, sha256, imports }) {
    this.#add(instance, name, { file, sha256, ...(imports.length > 0 && { imports: Object.fromEntries(imports) }) })
  }

  #add(instance, name, module) {
    this.#of.set(instance, name)
    Object.defineProperty(this.modules, name, { value: module, enumerable: true, configurable: true, writable: true })
    return name
  }

  #taken() {
    return new Set([...Object.keys(this.modules), ...this.#state.named.keys()])
  }
}

/** The name, with a number if it is taken. */
function unused(name, taken) {
  let found = name
  for (let number = 2; taken.has(found); number++) found = `${name}-${number}`
  return found
}

/** The SHA-256 hash of the file that a module came from, which must still have its bytes. */
function hashOf(file, compiled) {
  let bytes
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw unwritable(`${file} cannot be read: ${cause?.message}`, { file }, cause)
  }
  if (contentHash(bytes) !== compiled.native.hash()) {
    throw unwritable(`${file} was changed after it was loaded`, { file })
  }
  return createHash('sha256').update(bytes).digest('hex')
}

/** The manifest of a store: the instances that came from files, and the active links. */
function manifestOf(store, own) {
  const state = stateOf(own)
  const living = Instance.all(store)
  const names = new Names(state)
  for (const [name, module] of state.named) if (!module.instance.closed) names.addNamed(name, module)
  for (const instance of living) {
    if (!state.former.has(instance) && findInstance(instance).compiled.file !== undefined) names.of(instance)
  }
  const active = linksOf(own).filter(isSwitched)
  const links = active.map((link, index) => linkIn({ own, living, names }, link, `$.links[${index}]`))
  return { version: 1, modules: names.modules, links }
}

/** A link as a manifest has it. */
function linkIn({ own, living, names }, { slot, implementation, after }, path) {
  const details = { path, slot: slot.name }
  const module = living.find((each) => hasSlot(each, slot))
  if (module === undefined) throw unwritable(`"${slot.name}" is a slot of a table, not of a module`, details)
  const owner = ownerOf(implementation)
  const from = owner && own.find('instance', owner.id)
  const name = from && nameOf(from, implementation, after?.function)
  if (name === undefined) {
    throw unwritable(`slot "${slot.name}" holds a function that no module exports: ${after?.function}`, details)
  }
  return { module: names.of(module, path), slot: slot.name, from: names.of(from, path), function: name }
}

/** Whether a slot is one of an instance. */
function hasSlot(instance, slot) {
  const { slots } = findInstance(instance).compiled
  return slots.some(({ name }) => name === slot.name) && instance.slot(slot.name) === slot
}

module.exports = { manifestOf }
