'use strict'

// Platforms, and errors of the loader.

/** The platforms with a binary. Each has a folder in npm/ and a target in package.json. */
const platforms = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
]

/** `gnu` or `musl` on Linux, otherwise undefined. The report is slow: call this only if the binary did not load. */
function libc() {
  if (process.platform !== 'linux') return undefined
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
}

/** This machine's platform, as in the names of the packages: `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`. */
function platformName() {
  const abi = process.platform === 'win32' ? 'msvc' : libc()
  return [process.platform, process.arch, abi].filter(Boolean).join('-')
}

/** The error for a binary that does not load: why, and what to do. */
function platformError(cause) {
  const messages = messagesOf(cause)
  const find = (pattern) => messages.map((message) => pattern.exec(message)).find(Boolean)
  if (find(/loading addons is disabled/)) return disabledError(cause)
  const platform = platformName()
  const glibc = find(/version `GLIBC_([\d.]+)' not found/)?.[1]
  const refused = find(/.*\.node: .+|.*\bdlopen\b.*|.*not a valid Win32 application.*/)?.[0]
  const details = { platform, package: `wasm-relink-${platform}`, ...(glibc && { glibc }) }
  const error = new Error(
    glibc
      ? `the binary of wasm-relink for ${platform} needs glibc ${glibc} or later, and this machine has ${glibcVersion()}: ` +
          'use a newer system, or run `npm run build` in a clone of the repository on this one'
      : `wasm-relink has no working binary for ${platform}: ${refused ? `${refused}; ` : ''}${adviceFor(platform)}`,
    { cause },
  )
  return Object.assign(error, { code: 'ERR_RELINK_PLATFORM', ...details })
}

function adviceFor(platform) {
  return platforms.includes(platform)
    ? `install the package wasm-relink-${platform} (npm omits it with --omit=optional, or if the lockfile or ` +
        'node_modules was made on another platform), or run `npm run build` in a clone of the repository'
    : `there are binaries for ${platforms.join(', ')}; elsewhere, run \`npm run build\` in a clone of the repository`
}

/** The error where Node's options forbid addons. */
function disabledError(cause) {
  const flag = process.permission && !isGiven('--allow-addons') ? '--allow-addons' : '--no-addons'
  const advice =
    flag === '--allow-addons'
      ? 'Node runs with its permission model: add --allow-addons'
      : 'Node runs with --no-addons: remove it from the command line, from NODE_OPTIONS or from the execArgv of the worker'
  const error = new Error(`wasm-relink is a native addon, and Node's options forbid addons. ${advice}`, { cause })
  return Object.assign(error, { code: 'ERR_RELINK_ADDONS_DISABLED', flag })
}

const isGiven = (flag) => [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].includes(flag)

const glibcVersion = () => process.report.getReport().header.glibcVersionRuntime

/** The messages of an error and of its causes. The generated loader keeps only the messages of most causes. */
function messagesOf(error) {
  const messages = []
  for (let each = error; each !== undefined && each !== null && messages.length < 20; each = each.cause) {
    messages.push(String(each.message))
  }
  return messages
}

module.exports = { platforms, platformName, platformError }
