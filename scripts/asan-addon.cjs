'use strict'

// Loads the addon of AddressSanitizer in place of the usual one, in each process and thread (scripts/asan.mjs).

const { dlopen, env } = process

process.dlopen = function (module, path, ...rest) {
  const chosen = /wasm-relink\.[^/]*\.node$/.test(path) ? env.WASM_RELINK_ASAN : path
  return dlopen.call(this, module, chosen, ...rest)
}
