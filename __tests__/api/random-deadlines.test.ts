// Deadlines at random points of real packages. fuzz/deadlines.mjs runs as many as you like.
import * as relink from '../..'

const { interrupted } = require('../../fuzz/deadlines/work.cjs') as {
  interrupted: (options: { relink: object; most: number; seed: number }) => Promise<number>
}

const available = process.platform === 'linux' && process.arch === 'x64'
const where = available ? describe : describe.skip

where('after a deadline at a random point', () => {
  test('an instance that begins again gives right answers', async () => {
    expect(await interrupted({ relink, most: 150, seed: 7 })).toBeGreaterThan(20)
  })
})
