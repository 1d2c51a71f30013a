/** An order of many lines, small and large, so that each promotion gives another total. */
export const order = Array.from({ length: 120 }, (_, line) => `sku-${line}:${1 + line * 2}:${199 + line * 37}`).join(
  ';',
)

const percent = (cents, percentage) => (cents / 100n) * percentage + ((cents % 100n) * percentage) / 100n

/** The discount of each version of the plugin on a line, computed again to check the answers. */
const discounts = [
  ['as built', () => 0n],
  ['ten_percent_off', (cents) => percent(cents, 10n)],
  ['bulk_discount', (cents, quantity) => percent(cents, quantity < 10n ? 0n : quantity < 100n ? 15n : 25n)],
  [
    'black_friday',
    (cents) => {
      const off = percent(cents, 30n)
      return off < 5000n ? off : 5000n
    },
  ],
]

function total(discount) {
  const lines = order.split(';').map((line) => line.split(':').slice(1).map(BigInt))
  const net = lines.reduce((sum, [quantity, price]) => {
    const cents = quantity * price
    return sum + cents - discount(cents, quantity)
  }, 0n)
  return net + (net / 100n) * 19n + ((net % 100n) * 19n + 50n) / 100n
}

/** The versions in the order in which they serve: the name, and the correct total in cents. */
export const totals = discounts.map(([name, discount]) => [name, String(total(discount))])
