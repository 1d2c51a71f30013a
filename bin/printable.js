'use strict'

// Text for a terminal.

/** Characters that would move the cursor, break a line or change the direction of the text. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Text of a file for a terminal, with such characters escaped. */
function printable(text) {
  return text.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)
}

/** JSON for a terminal: the same value, with such characters escaped. */
function printableJson(json) {
  return json.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

module.exports = { printable, printableJson }
