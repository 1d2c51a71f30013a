'use strict'

// The differences between the shape that types were made from and the shape of a module.

/** A type in a few words. */
function words(type) {
  if (type === null || type === undefined) return 'nothing'
  const { kind } = type
  if (kind === 'list') return `list<${words(type.element)}>`
  if (kind === 'fixed-list') return `list<${words(type.element)}, ${type.length}>`
  if (kind === 'option') return `option<${words(type.element)}>`
  if (kind === 'tuple') return `tuple<${type.elements.map(words).join(', ')}>`
  if (kind === 'result') return `result<${words(type.ok)}, ${words(type.err)}>`
  return kind
}

const PARTS = { fields: 'field', cases: 'case', flags: 'flag' }

/** The own property of a record whose keys are an author's names. */
const own = (record, key) => (record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined)

/** The differences between two lists of named parts. Their order counts: it is the order of values in memory. */
function* ofParts(list, before, after, place) {
  const part = PARTS[list]
  for (const { name } of before) {
    if (!after.some((other) => other.name === name)) yield `${place}: the ${part} "${name}" is missing`
  }
  for (const { name } of after) {
    if (!before.some((other) => other.name === name)) yield `${place}: the ${part} "${name}" is new`
  }
  const names = (parts) => parts.map(({ name }) => name)
  if (before.length === after.length && names(before).every((name) => names(after).includes(name))) {
    if (names(before).join() !== names(after).join()) {
      yield `${place}: expected the ${part}s in the order ${names(before).join(', ')}, got ${names(after).join(', ')}`
    }
  }
  for (const { name, type } of before) {
    const other = after.find((each) => each.name === name)
    if (other !== undefined) yield* ofTypes(type, other.type, `${place}.${name}`)
  }
}

function* ofTypes(before, after, place) {
  if (!before || !after || before.kind !== after.kind || before.length !== after.length) {
    if (before || after) yield `${place}: expected ${words(before)}, got ${words(after)}`
    return
  }
  if (before.element) yield* ofTypes(before.element, after.element, before.kind === 'option' ? place : `${place}[]`)
  if (before.kind === 'result') {
    yield* ofTypes(before.ok, after.ok, `${place}.ok`)
    yield* ofTypes(before.err, after.err, `${place}.err`)
  }
  if (before.elements) {
    if (before.elements.length !== after.elements.length)
      yield `${place}: expected ${words(before)}, got ${words(after)}`
    else
      for (const [index, each] of before.elements.entries())
        yield* ofTypes(each, after.elements[index], `${place}[${index}]`)
  }
  for (const list of ['fields', 'cases', 'flags'])
    if (before[list]) yield* ofParts(list, before[list], after[list], place)
}

function* ofItems(before, after, place) {
  if (after === undefined) yield `${place} is missing`
  else if (before.core !== undefined || after.core !== undefined) {
    const say = ({ core }) => core ?? 'a typed function'
    if (before.core !== after.core) yield `${place}: expected ${say(before)}, got ${say(after)}`
  } else {
    const [count, other] = [before.parameters.length, after.parameters.length]
    if (count !== other) yield `${place}: expected ${count} parameters, got ${other}`
    for (const [index, { name, type }] of before.parameters.slice(0, other).entries()) {
      yield* ofTypes(type, after.parameters[index].type, `${place}: ${name}`)
    }
    yield* ofTypes(before.result, after.result, `${place}.result`)
  }
  if (before.suspend && after !== undefined && !after.suspend)
    yield `${place}: its function may no longer return a promise`
}

/**
 * A sentence for each difference by which a program that was written against the first shape may fail with the second. Further
 * exports and slots are none; a further import is one, since the program does not give it.
 */
function differencesOf(before, after) {
  const found = []
  for (const [kind, list] of [
    ['export', 'exports'],
    ['slot', 'slots'],
  ]) {
    for (const [name, item] of Object.entries(before[list])) {
      found.push(...ofItems(item, own(after[list], name), `${kind} "${name}"`))
    }
  }
  for (const [module, items] of Object.entries(after.imports)) {
    for (const [name, item] of Object.entries(items)) {
      const place = `import "${module}"."${name}"`
      const known = own(own(before.imports, module), name)
      found.push(...(known === undefined ? [`${place} is new`] : ofItems(known, item, place)))
    }
  }
  return found
}

module.exports = { differencesOf }
