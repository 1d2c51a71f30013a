'use strict'

// Objects in `util.inspect`.

/**
 * Sets what `console.log` and `util.inspect` show of a class: its name, and these fields. Node cannot see private fields.
 * `fields` has a function for each, which reads it from an object; a field whose function throws is left out.
 */
function inspectable(Class, fields) {
  // Node prints the name of an object's class, so this class has the same name. An object of it is printed with the requested
  // depth and colours.
  const { [Class.name]: Shown } = { [Class.name]: class extends Object {} }
  function custom() {
    const shown = new Shown()
    for (const [field, read] of Object.entries(fields)) {
      try {
        shown[field] = read(this)
      } catch {
        // `this` is the prototype, or the field has a value that JavaScript cannot have: leave it out.
      }
    }
    // If the result is `this`, Node formats it as if there were no such method.
    return Object.keys(shown).length > 0 ? shown : this
  }
  const inspect = Symbol.for('nodejs.util.inspect.custom')
  Object.defineProperty(Class.prototype, inspect, { value: custom, writable: true, configurable: true })
}

/** The type of a function as text, as in messages: `(i32, i64) -> f64`. */
function formatType({ parameters, results }) {
  const given = `(${parameters.join(', ')})`
  if (results.length === 0) return given
  return `${given} -> ${results.length === 1 ? results[0] : `(${results.join(', ')})`}`
}

module.exports = { formatType, inspectable }
