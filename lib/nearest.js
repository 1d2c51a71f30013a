'use strict'

/** Levenshtein's distance: how many letters to put in, take out or change to make `b` of `a`. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

/** How many letters may differ for a name to be taken for a misspelling: about half of them. */
const tolerance = (a, b) => Math.max(a.length, b.length) / 2

/** Letters of a name that may be misspelt: longer ones take longer to compare than they help. */
const LONGEST = 200

/** The names that are near to one that was not found, nearest first. */
function nearest(name, names, { atMost, limit = 5, key = (candidate) => candidate } = {}) {
  return names
    .map((candidate) => {
      const compared = key(candidate)
      const most = atMost ?? tolerance(name, compared)
      // No fewer letters than that must be put in or taken out.
      if (Math.abs(name.length - compared.length) > most || name.length > LONGEST) return { near: false }
      const far = distance(name.toLowerCase(), compared.toLowerCase())
      return { candidate, far, near: far <= most }
    })
    .filter(({ near }) => near)
    .toSorted((a, b) => a.far - b.far)
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

module.exports = { nearest }
