'use strict'

// The links of a manifest, compared with those of the store.

const { linksOf } = require('../internal/history-entries')
const { refused } = require('./document')
const { functionNamed, isSameFunction } = require('./functions')

/** The changes that bring the links of a store to those of a manifest, and what they are, in the same order. */
function changesOf(store, { links, file }, found) {
  const mistakes = []
  const wanted = new Map()
  links.forEach((link, index) => {
    const path = `$.links[${index}]`
    const at = (name, find) => {
      try {
        return find()
      } catch (error) {
        mistakes.push({ path: `${path}.${name}`, message: error?.message ?? String(error), code: error?.code })
        return undefined
      }
    }
    const slot = at('slot', () => found.get(link.module).instance.slot(link.slot))
    const fn = at('function', () => functionNamed(found.get(link.from).instance, link.function))
    if (slot === undefined || fn === undefined) return
    if (wanted.has(slot))
      mistakes.push({ path: `${path}.slot`, message: twice(link, slot), code: 'ERR_RELINK_DUPLICATE' })
    else wanted.set(slot, { path, slot, fn, link })
  })
  if (mistakes.length > 0) throw refused(mistakes, file)
  const made = [...wanted.values()].filter(({ slot, fn }) => slot.current === null || !isSameFunction(slot.current, fn))
  const gone = linkedSlots(store).filter((slot) => !wanted.has(slot))
  // A slot that JavaScript fills in an empty entry of a table has no original to go back to.
  const [ended, emptied] = [
    gone.filter((slot) => slot.original !== null),
    gone.filter((slot) => slot.original === null),
  ]
  return {
    // The ends of links first, since a new link may need them so as not to lead in a circle.
    changes: [...ended.map((slot) => [slot.original, slot]), ...made.map(({ fn, slot }) => [fn, slot])],
    made,
    ended,
    emptied,
  }
}

const twice = ({ module, slot: name }, slot) =>
  `${JSON.stringify(name)} of ${JSON.stringify(module)} is the slot ${JSON.stringify(slot.name)}, which is linked twice`

/** The slots that hold another function than their own, apart from imports of what their module replaces. */
function linkedSlots(store) {
  return linksOf(store)
    .filter(isSwitched)
    .map(({ slot }) => slot)
}

/** Whether an active link gives its slot another function than the original. */
const isSwitched = ({ slot, implementation }) => !isPrevious(slot) && implementation !== slot.original

/** Whether a slot is an import of `relink:previous`: the link of the implementation makes and undoes its link. */
const isPrevious = ({ kind, name }) => kind === 'import' && name.startsWith('relink:previous.')

/** The mistakes of a commit that was refused, at the JSON paths of the links. */
function mistakesOf({ refusals }, made, ended) {
  return refusals.map(({ index, message, code }) => {
    const link = made[index - ended.length]
    if (link !== undefined) return { path: link.path, message, code }
    return { path: '$.links', message: `the link of "${ended[index].name}" cannot be ended: ${message}`, code }
  })
}

module.exports = { changesOf, isSwitched, mistakesOf }
