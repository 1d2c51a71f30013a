'use strict'

// The conversion of a type, made once from its description.

const { Record, Tuple, camelCase } = require('./fields')
const { FixedList } = require('./fixed-list')
const { List, Numbers } = require('./lists')
const { Enum, Flags } = require('./names')
const { ARRAYS } = require('./number-arrays')
const { Bool, Char, Float, Integer, Integer64 } = require('./scalars')
const { Json, Text } = require('./text')
const { Option, Tagged } = require('./variants')

const some = (type) => (type === null || type === undefined ? undefined : conversionOf(type))

/** The maker of the conversion of each kind of type. */
const MAKERS = {
  bool: (type) => new Bool(type),
  char: (type) => new Char(type),
  string: (type) => new Text(type),
  json: (type) => new Json(type),
  f32: (type) => new Float(type),
  f64: (type) => new Float(type),
  s64: (type) => new Integer64(type),
  u64: (type) => new Integer64(type),
  list(type) {
    const element = conversionOf(type.element)
    return type.element.kind in ARRAYS ? new Numbers(type, element) : new List(type, element)
  },
  'fixed-list': (type) => new FixedList(type, conversionOf(type.element)),
  option(type) {
    const element = conversionOf(type.element)
    // Two levels of undefined would be one.
    return type.element.kind === 'option'
      ? new Tagged(type, [undefined, element], ['none', 'some'])
      : new Option(type, element)
  },
  result: (type) => new Tagged(type, [some(type.ok), some(type.err)], ['ok', 'err']),
  record: (type) =>
    new Record(
      type,
      type.fields.map((field) => conversionOf(field.type)),
    ),
  tuple: (type) => new Tuple(type, type.elements.map(conversionOf)),
  variant: (type) =>
    new Tagged(
      type,
      type.cases.map((each) => some(each.type)),
      type.cases.map(({ name }) => name),
    ),
  enum: (type) => new Enum(type),
  flags: (type) => new Flags(type),
}

function conversionOf(type) {
  return MAKERS[type.kind]?.(type) ?? new Integer(type)
}

module.exports = { camelCase, conversionOf }
