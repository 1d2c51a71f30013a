'use strict'

// Actions on typed functions: shops whose discounts come from JavaScript or from other shops. `this` is the history.

/** Greatest number of shops that a history holds. */
const MOST = 6
/** Greatest depth of actions within each other at which an implementation runs further ones. */
const DEEP = 12

const CUSTOMERS = ['', 'Ada', 'größe\0🎟', 'x'.repeat(5000)]

const text = (customer, cents) => `${customer} pays ${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`

/** Calls the export of a shop, whose slot takes a part of the price. */
function sell(history, shop) {
  const part = shop.parts.at(-1)
  const customer = history.random.pick(CUSTOMERS) + history.nextNumber()
  const cents = BigInt(history.random.below(1_000_000))
  history.same(shop.receipt({ customer, cents }), text(customer, cents - cents / BigInt(part)), 'a receipt')
}

const actions = {
  openShop() {
    if (this.shops.length >= MOST) return
    const instance = new this.relink.Instance(this.modules.shop, {}, { store: this.store })
    this.shops.push({ instance, receipt: instance.exports.receipt, parts: [10], state: { closed: false } })
  },
  sell() {
    const shop = this.random.pick(this.shops)
    if (shop !== undefined) sell(this, shop)
  },
  discountOfJavaScript() {
    const shop = this.random.pick(this.shops)
    if (shop === undefined || this.depth >= DEEP) return
    const thrown = this.random.below(3) === 0 ? { value: true } : undefined
    let begun = false
    const discount = ({ cents }) => {
      if (!begun) {
        begun = true
        if (this.random.below(2) === 0) this.actWithin()
        if (thrown) throw thrown
      }
      return cents / BigInt(part)
    }
    const part = 2 + this.random.below(20)
    const link = this.relink.link(discount, shop.instance.slot('shop::discount'))
    shop.parts.push(part)
    if (thrown)
      this.same(
        this.thrownBy(() => sell(this, shop)),
        thrown,
        'what the discount threw',
      )
    else if (!this.closesMeanwhile(shop, () => sell(this, shop))) return
    shop.parts.pop()
    if (shop.state.closed) this.refused('ERR_RELINK_CLOSED', () => link.undo())
    else link.undo()
  },
  discountOfShop() {
    const [shop, other] = [this.random.pick(this.shops), this.random.pick(this.shops)]
    if (shop === undefined || shop === other) return
    const link = this.relink.link(other.instance.slot('shop::discount').original, shop.instance.slot('shop::discount'))
    shop.parts.push(10)
    if (this.random.below(2) === 0) this.gc()
    sell(this, shop)
    shop.parts.pop()
    link.undo()
  },
  endShop() {
    if (this.shops.length === 0) return
    const shop = this.takeOut(this.shops)
    if (this.random.below(2) === 0) return
    shop.instance.close()
    shop.state.closed = true
    this.refused('ERR_RELINK_CLOSED', () => shop.receipt({ customer: '', cents: 1n }))
  },
}

module.exports = { actions }
