'use strict'

// Names that resemble a misspelt name.

/** Levenshtein distance of two texts; Infinity if it is above `most`. */
function distance(a, b, most) {
  const row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    let corner = row[0]
    let least = (row[0] = i)
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1)
      let far = corner
      if (!same) {
        if (above < far) far = above
        if (row[j - 1] < far) far = row[j - 1]
        far++
      }
      corner = above
      row[j] = far
      if (far < least) least = far
    }
    if (least > most) return Infinity
  }
  return row[b.length] > most ? Infinity : row[b.length]
}

/** Counts of the letters of a text, hashed to 64 buckets. A collision only makes two texts look nearer. */
function letters(text) {
  const counts = new Int32Array(64)
  for (let index = 0; index < text.length; index++) counts[text.charCodeAt(index) % counts.length]++
  return counts
}

/** A lower bound of the distance, from the counts of letters. */
function lowerBound(a, b) {
  let [fewer, more] = [0, 0]
  for (let letter = 0; letter < a.length; letter++) {
    const difference = a[letter] - b[letter]
    if (difference > 0) fewer += difference
    else more -= difference
  }
  return Math.max(fewer, more)
}

/** Greatest distance at which a name counts as a misspelling: half of its letters. */
const tolerance = (a, b) => Math.max(a.length, b.length) / 2

/** Names with more letters are not compared, since that takes too long. */
const LONGEST = 200

/** Greatest number of pairs of letters to compare: about 10 ms. */
const WORK = 4_000_000

/** The names that resemble an unknown name, the nearest first. */
function nearest(name, names, { atMost, limit = 5, key = (candidate) => candidate } = {}) {
  if (name.length > LONGEST) return []
  const wanted = name.toLowerCase()
  const counts = letters(wanted)
  const promising = []
  names.forEach((candidate, position) => {
    const compared = key(candidate).toLowerCase()
    const most = atMost ?? tolerance(wanted, compared)
    // The difference of the lengths is a lower bound too.
    if (Math.abs(wanted.length - compared.length) > most) return
    const least = lowerBound(counts, letters(compared))
    if (least <= most) promising.push({ candidate, compared, position, most, least })
  })
  // The most promising first, since the work is limited.
  promising.sort((a, b) => a.least - b.least)
  return closest(wanted, promising, limit).map(({ candidate }) => candidate)
}

function closest(wanted, promising, limit) {
  const near = []
  let work = 0
  for (const each of promising) {
    const farthest = near.length === limit ? near.at(-1).far : Infinity
    work += wanted.length * each.compared.length
    if (each.least > farthest || work > WORK) break
    const far = distance(wanted, each.compared, Math.min(each.most, farthest))
    if (far === Infinity) continue
    near.push({ ...each, far })
    near.sort((a, b) => a.far - b.far || a.position - b.position)
    near.splice(limit)
  }
  return near
}

module.exports = { nearest }
