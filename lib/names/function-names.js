'use strict'

// The names of a function.

/** Tokens for the nesting of generic arguments. The `>` of `->` closes nothing, nor does a bracket in a char literal. */
const TOKENS = /->|'(?:\\[^']*|[^'\\])'|[<>]/g

const withoutNumber = (name) => name.replace(/#\d+$/, '')

/** Whether a name ends with a number, like `#2`, that distinguishes equal names. */
const isNumbered = (name) => /#\d+$/.test(name)

/**
 * A name without its number and the types of a generic function. The types of the surrounding items stay:
 * `a::outer::<i32>::inner::<u8>` becomes `a::outer::<i32>::inner`.
 */
function baseName(name) {
  const plain = withoutNumber(name)
  if (!plain.endsWith('>')) return plain
  let depth = 0
  let start = 0
  let end = 0
  for (const { 0: token, index } of plain.matchAll(TOKENS)) {
    if (token === '<' && depth++ === 0) start = index
    if (token === '>' && depth > 0 && --depth === 0) end = index + 1
  }
  const isLast = depth === 0 && end === plain.length && plain.slice(0, start).endsWith('::')
  return isLast ? plain.slice(0, start - 2) : plain
}

/** All names of a function, the stable one first. Other functions may have the same path. */
const namesOf = ({ name, path = name, aliases }) => [...new Set([name, path, ...aliases])]

module.exports = { baseName, isNumbered, namesOf, withoutNumber }
