'use strict'

// Globs.

const [STAR, ANY] = ['*', '?'].map((sign) => sign.charCodeAt(0))

/**
 * Whether a glob matches a whole text: `*` is any characters, `?` any one. Unlike a RegExp, which may backtrack over every
 * `*`, this only backtracks over the last one.
 */
function fitsGlob(glob, text) {
  let at = 0
  let position = 0
  // Index of the last `*`, and the position in the text where the rest was last tried.
  let star = -1
  let tried = 0
  while (position < text.length) {
    const sign = glob.charCodeAt(at)
    if (sign === STAR) {
      star = at++
      tried = position
    } else if (sign === ANY || sign === text.charCodeAt(position)) {
      at++
      position++
    } else if (star >= 0) {
      at = star + 1
      position = ++tried
    } else {
      return false
    }
  }
  while (glob.charCodeAt(at) === STAR) at++
  return at === glob.length
}

module.exports = { fitsGlob }
