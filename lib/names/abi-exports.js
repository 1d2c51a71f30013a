'use strict'

// The exports of the canonical ABI.

/** Whether an export belongs to the ABI: users do not call it, and it works on the memory of its own instance only. */
const isOfAbi = (name) => /^(relink:|cabi_post_|cabi_realloc$)/.test(name)

module.exports = { isOfAbi }
