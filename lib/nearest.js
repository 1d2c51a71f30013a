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

/** The names that are nearest to one that was not found, nearest first. */
function nearest(name, names, { atMost = Infinity, limit = 5, key = (candidate) => candidate } = {}) {
  return names
    .map((candidate) => ({ candidate, far: distance(name.toLowerCase(), key(candidate).toLowerCase()) }))
    .filter(({ far }) => far <= atMost)
    .toSorted((a, b) => a.far - b.far)
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

module.exports = { nearest }
