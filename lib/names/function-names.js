'use strict'

/** What counts for the nesting of generic arguments. `->` closes nothing, nor does a bracket that is an argument. */
const TOKENS = /->|'(?:\\[^']*|[^'\\])'|[<>]/g

const withoutNumber = (name) => name.replace(/#\d+$/, '')

/** Whether a name has a number that tells it from others. */
const isNumbered = (name) => /#\d+$/.test(name)

/**
 * A name without what tells it from others of its kind: its number, and the types of a generic function. The types of
 * what it is nested in stay: `a::outer::<i32>::inner::<u8>` is `a::outer::<i32>::inner`.
 */
function bare(name) {
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

/** All names of a function, the stable one first. Its path may be another's too. */
const namesOf = ({ name, path = name, aliases }) => [...new Set([name, path, ...aliases])]

module.exports = { bare, isNumbered, namesOf, withoutNumber }
