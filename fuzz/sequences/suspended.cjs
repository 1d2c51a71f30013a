'use strict'

// Calls that are suspended while the history goes on. `this` is the history.

/** Greatest number of calls that wait at once. */
const MOST = 12

const CAN_SUSPEND = process.platform === 'linux' && process.arch === 'x64'

const actions = {
  suspend() {
    const plugin = this.random.pick(this.live)
    if (plugin === undefined || !CAN_SUSPEND || this.waiting.length >= MOST) return
    const call = { state: plugin.state, recycled: this.recycled }
    call.promise = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }))
    const link = this.relink.link(new this.relink.Suspending(() => call.promise), this.slotOf(plugin))
    call.result = this.relink
      .promising(plugin.run)()
      .then(
        (value) => ({ value }),
        (error) => ({ error }),
      )
    link.undo()
    this.waiting.push(call)
    this.same(plugin.run(), this.valueOf(plugin), 'run')
  },
  async settle() {
    if (this.waiting.length > 0) await settle(this)
  },
  forget() {
    if (this.waiting.length > 0 && this.random.below(4) === 0)
      this.forgotten.push(new WeakRef(this.takeOut(this.waiting)))
  },
}

/** Lets one suspended call go on, and compares its result. */
async function settle(history) {
  const { state, recycled, resolve, reject, result } = history.takeOut(history.waiting)
  const value = history.nextNumber()
  const thrown = history.random.below(3) === 0 ? { value } : undefined
  if (thrown) reject(thrown)
  else resolve(value)
  const actual = await result
  if (state.closed) return history.same(actual.error?.code, 'ERR_RELINK_CLOSED', 'the error of a suspended call')
  // A word that an earlier call has left on the stack counts as a use of the instance that was recycled.
  if (recycled !== history.recycled && actual.error?.code === 'ERR_RELINK_SUSPEND') return
  history.same(actual.error, thrown, 'the error of a suspended call')
  history.same(actual.value, thrown ? undefined : value, 'the result of a suspended call')
}

/** Lets all suspended calls go on, except those that V8 has collected. */
async function settleAll(history) {
  while (history.waiting.length > 0) await settle(history)
  for (const call of history.forgotten) {
    // The history of the store may still have its function.
    const { resolve, result } = call.deref() ?? {}
    resolve?.(0)
    await result
  }
}

module.exports = { actions, settleAll }
