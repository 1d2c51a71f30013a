'use strict'

// The files of the disk cache.

const { addon, translated } = require('../node/addon')

const cacheClear = translated(addon.cacheClear)
const cacheList = translated(addon.cacheList)

module.exports = { cacheClear, cacheList }
