'use strict'

const [STAR, ANY] = ['*', '?'].map((sign) => sign.charCodeAt(0))

/**
 * Whether a glob fits a whole text: `*` is any run of characters, `?` any one. A RegExp would try every way to share
 * out the text among the `*`; it is enough to try the last one anew.
 */
function fitsGlob(glob, text) {
  let at = 0
  let position = 0
  // The last `*`, and where what follows it was tried last.
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
