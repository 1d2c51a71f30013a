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

/** Why the package cannot be loaded here, and what to install. */
function platformError(cause) {
  const platform = platformName()
  const advice = platforms.includes(platform)
    ? `install the package wasm-relink-${platform} (npm leaves it out under --omit=optional, and when a lockfile or ` +
      'node_modules was made on another platform), or run `npm run build` in a clone of the repository'
    : `there are binaries for ${platforms.join(', ')}; elsewhere, run \`npm run build\` in a clone of the repository`
  const error = new Error(`wasm-relink has no working binary for ${platform}: ${advice}`, { cause })
  return Object.assign(error, { code: 'ERR_RELINK_PLATFORM', platform, package: `wasm-relink-${platform}` })
}

module.exports = { platforms, platformName, platformError }
