'use strict'

/**
 * Says what `console.log` and `util.inspect` show of a class: its name, and these fields. Private state is not seen
 * otherwise. `fields` has a function for each, that reads it from an object; one that throws is left out.
 */
function inspectable(Class, fields) {
  // An object of a class of the same name: Node formats it as any other, to the depth and in the colours asked for.
  const { [Class.name]: Shown } = { [Class.name]: class extends Object {} }
  function custom() {
    const shown = new Shown()
    for (const [field, read] of Object.entries(fields)) {
      try {
        shown[field] = read(this)
      } catch {
        // The prototype itself, or a value that does not cross to JavaScript.
      }
    }
    // For what is `this`, Node goes on as if there were no such method.
    return Object.keys(shown).length > 0 ? shown : this
  }
  const inspect = Symbol.for('nodejs.util.inspect.custom')
  Object.defineProperty(Class.prototype, inspect, { value: custom, writable: true, configurable: true })
}

/** The type of a function in a few letters, as in messages: `(i32, i64) -> f64`. */
function typeInWords({ parameters, results }) {
  const given = `(${parameters.join(', ')})`
  if (results.length === 0) return given
  return `${given} -> ${results.length === 1 ? results[0] : `(${results.join(', ')})`}`
}

module.exports = { inspectable, typeInWords }
