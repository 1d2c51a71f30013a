// Random types and values: from JavaScript to a plugin, from there to another one, to JavaScript, and all the way back.
import { Instance, link, Module } from '../..'
import { compilers } from '../support'
import { callOften, forwarder } from '../support/typed'
import { seeded, Types } from '../support/typed-values'

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1)

test.each(SEEDS)('types of seed %i', async (seed) => {
  const random = seeded(seed)
  const types = new Types(random)
  const parameters = Array.from({ length: 1 + Math.floor(random() * 4) }, () => types.type(3))
  const [first] = parameters
  const given = parameters.map(({ text }, index) => `p${index}: ${text}`).join(', ')
  // Two options or results around each other would need tags, and a result is thrown.
  const wit = `interface i { ${types.definitions.join(' ')} run: func(${given}) -> tuple<${first!.text}>; }`
  const compiler = compilers[seed % 2]!
  const bytes = await forwarder(wit)
  const [a, b] = [compiler, compilers[seed % 3 === 0 ? 0 : 1]!].map(
    (each) => new Instance(new Module(bytes, { compiler: each })),
  )
  let seen: unknown[] = []
  const echo = (...values: unknown[]) => {
    seen = values
    return [values[0]]
  }
  const direct = link(echo, a!.slot('t::run'))
  for (const through of [false, true]) {
    if (through) {
      direct.undo()
      link(b!.exports.run, a!.slot('t::run'))
      link(echo, b!.slot('t::run'))
    }
    for (let round = 0; round < 16; round++) {
      const values = parameters.map(({ value }) => value())
      if (round === 8 && !through) callOften(() => a!.exports.run(...values))
      expect(a!.exports.run(...values)).toEqual([values[0]])
      expect(seen).toEqual(values)
    }
  }
})
