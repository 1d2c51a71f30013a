'use strict'

/** Levenshtein's distance, or Infinity above `most`: how many letters to put in, take out or change to make `b` of `a`. */
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

/** How often each letter is in a text; letters that share a place only make two texts look nearer. */
function letters(text) {
  const counts = new Int32Array(64)
  for (let index = 0; index < text.length; index++) counts[text.charCodeAt(index) % counts.length]++
  return counts
}

/** What the distance is at the least: a change makes one letter less of one, and one more of another. */
function atLeast(a, b) {
  let [fewer, more] = [0, 0]
  for (let letter = 0; letter < a.length; letter++) {
    const difference = a[letter] - b[letter]
    if (difference > 0) fewer += difference
    else more -= difference
  }
  return Math.max(fewer, more)
}

/** How many letters may differ for a name to be taken for a misspelling: about half of them. */
const tolerance = (a, b) => Math.max(a.length, b.length) / 2

/** Letters of a name that may be misspelt: longer ones take longer to compare than they help. */
const LONGEST = 200

/** Pairs of letters to compare at the most, about 10 ms of them. A guess is not worth more. */
const WORK = 4_000_000

/** The names that are near to one that was not found, nearest first. */
function nearest(name, names, { atMost, limit = 5, key = (candidate) => candidate } = {}) {
  if (name.length > LONGEST) return []
  const wanted = name.toLowerCase()
  const counts = letters(wanted)
  const promising = []
  names.forEach((candidate, position) => {
    const compared = key(candidate).toLowerCase()
    const most = atMost ?? tolerance(wanted, compared)
    // No fewer letters than that must be put in or taken out.
    if (Math.abs(wanted.length - compared.length) > most) return
    const least = atLeast(counts, letters(compared))
    if (least <= most) promising.push({ candidate, compared, position, most, least })
  })
  // The most promising first, so that the others may be left out.
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
