'use strict'

/** The platforms that have a binary: a folder each under npm/, a target each in package.json. */
const platforms = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
]

/** `gnu` or `musl` on Linux, nothing elsewhere. Only asked when the binary did not load: the report is slow. */
function libc() {
  if (process.platform !== 'linux') return undefined
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
}

/** This machine, as the platform packages are named: `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`. */
function platformName() {
  const abi = process.platform === 'win32' ? 'msvc' : libc()
  return [process.platform, process.arch, abi].filter(Boolean).join('-')
}

/** Why the package cannot be loaded here, and what to do. */
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
    ? `install the package wasm-relink-${platform} (npm leaves it out under --omit=optional, and when a lockfile or ` +
        'node_modules was made on another platform), or run `npm run build` in a clone of the repository'
    : `there are binaries for ${platforms.join(', ')}; elsewhere, run \`npm run build\` in a clone of the repository`
}

/** Node was told to load no addons. */
function disabledError(cause) {
  const flag = process.permission && !isGiven('--allow-addons') ? '--allow-addons' : '--no-addons'
  const advice =
    flag === '--allow-addons'
      ? 'Node runs with its permission model: give it --allow-addons too'
      : 'Node runs with --no-addons (in its command line, in NODE_OPTIONS or in the execArgv of a worker): leave it out'
  const error = new Error(`wasm-relink is a native addon, which Node was told not to load. ${advice}`, { cause })
  return Object.assign(error, { code: 'ERR_RELINK_ADDONS_DISABLED', flag })
}

const isGiven = (flag) => [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].includes(flag)

const glibcVersion = () => process.report.getReport().header.glibcVersionRuntime

/** The messages of an error and of what caused it: the generated loader keeps nothing else of most. */
function messagesOf(error) {
  const messages = []
  for (let each = error; each !== undefined && each !== null && messages.length < 20; each = each.cause) {
    messages.push(String(each.message))
  }
  return messages
}

module.exports = { platforms, platformName, platformError }
