'use strict'

const { WASI } = require('./lib/api/wasi')

module.exports = { WASI }
