'use strict'

// Limits for arguments. The native side has them in src/wasm/limits.rs, and the sizes of stacks in SIZES of
// src/store/call/wasm_stack.rs.

/** Bytes in a page of memory. */
const PAGE = 64 * 1024

/** Pages in the 4 GiB that a 32-bit address reaches. */
const MOST_PAGES = 65_536

/** Initial entries of a table: V8's limit. */
const MOST_ENTRIES = 10_000_000

/** The greatest 32-bit integer. */
const MOST_UNSIGNED = 0xffff_ffff

/** Size of a store's call stack, in bytes. */
const STACK_SIZES = { least: 64 * 1024, most: 64 * 1024 * 1024 }

module.exports = { MOST_ENTRIES, MOST_PAGES, MOST_UNSIGNED, PAGE, STACK_SIZES }
