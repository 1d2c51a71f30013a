// An import that waits for promises, which the test settles.
import { Suspending } from '../..'

/** A promise that the test settles. */
function deferred() {
  let resolve!: (value: unknown) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<unknown>((...both) => ([resolve, reject] = both))
  return { promise, resolve, reject }
}

/** An import that waits: each call adds what settles its promise to `waiting`. */
export function waiter() {
  const waiting: (ReturnType<typeof deferred> & { argument: unknown })[] = []
  const wait = new Suspending((argument: unknown) => {
    const one = { ...deferred(), argument }
    waiting.push(one)
    return one.promise
  })
  return { waiting, wait }
}

/** Lets promises settle. */
export const turns = () => new Promise((resolve) => setImmediate(resolve))
