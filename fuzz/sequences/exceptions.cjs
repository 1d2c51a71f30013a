'use strict'

// Actions on exceptions, and on instances that throw and catch them. `this` is the history.

/** Greatest number of catchers and of values to throw that a history holds. */
const MOST = 24

const actions = {
  catcher() {
    if (this.catchers.length < MOST) this.catchers.push(this.makeCatcher())
  },
  throwable() {
    const [number, value] = [this.nextNumber(), { value: true }]
    const catcher = this.random.pick(this.catchers)
    const ways = [
      () => ({ thrown: new this.relink.Exception(this.tag, [number]), tag: this.tag, number }),
      () => ({ thrown: value }),
      () => ({ thrown: this.thrownBy(() => catcher.exports.throw(number, value)), own: catcher, number, value }),
      () => ({ thrown: new this.relink.Exception(catcher.own, [number, value]), own: catcher, number, value }),
    ]
    this.throwable.push(this.random.pick(catcher === undefined ? ways.slice(0, 2) : ways)())
    if (this.throwable.length > MOST) this.takeOut(this.throwable)
  },
  catch() {
    const [catcher, each] = [this.random.pick(this.catchers), this.random.pick(this.throwable)]
    if (catcher === undefined || each === undefined) return
    catcher.throws = each.thrown
    const caught = each.tag === this.tag || each.own === catcher ? each.number : -1
    this.same(catcher.exports.caught(), caught, 'what is caught')
    this.same(this.thrownBy(catcher.exports.passed), each.thrown, 'what goes through')
    catcher.throws = undefined
  },
  lookIntoException() {
    const { thrown, own, number, value } = this.random.pick(this.throwable) ?? {}
    if (own === undefined) return
    this.same(thrown.is(own.own) && !thrown.is(this.tag), true, 'the tag of an exception')
    this.same(thrown.getArg(own.own, 0), number, 'what it carries')
    this.same(thrown.getArg(own.own, 1), value, 'the value that it carries')
    if (own.state.closed) this.refused('ERR_RELINK_CLOSED', () => new this.relink.Exception(own.own, [1, null]))
  },
  endCatcher() {
    if (this.catchers.length === 0) return
    const catcher = this.takeOut(this.catchers)
    const ways = [
      () => ((catcher.state.closed = true), catcher.instance.close()),
      // The catcher and its tag are dropped; only its exceptions are left.
      () => this.throwable.filter((each) => each.own === catcher).forEach((each) => (each.own = undefined)),
    ]
    this.random.pick(ways)()
    catcher.instance = catcher.exports = undefined
  },
}

module.exports = { actions }
