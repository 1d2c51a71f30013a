'use strict'

/** What would move the cursor, break a line or turn the direction of the text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Text of a file as it may be shown in a terminal: names that lie are shown to lie. */
function printable(text) {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)
}

/** JSON as it may be shown in a terminal: the same value, with those characters escaped that JSON would let through. */
function printableJson(json) {
  return json.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

module.exports = { printable, printableJson }
