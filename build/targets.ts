import { UsageError } from '../scripts/lib/or-usage.ts'
import type { Platform } from '../src/sidecars/release/release.ts'

/**
 * The platforms we compile for: Bun's name of the target, the npm package that holds Bun for it, and our own words for
 * the platform. Bun 1.4 has one x64 build per system, which asks the CPU at run time: its `-baseline` packages hold the
 * same bytes, so these run on every x64 CPU from Nehalem (2008) on.
 */
export const TARGETS = {
  'bun-linux-x64': { runtime: '@oven/bun-linux-x64', platform: { os: 'linux', arch: 'x64', musl: false } },
  'bun-linux-arm64': { runtime: '@oven/bun-linux-aarch64', platform: { os: 'linux', arch: 'arm64', musl: false } },
  'bun-linux-x64-musl': { runtime: '@oven/bun-linux-x64-musl', platform: { os: 'linux', arch: 'x64', musl: true } },
  'bun-linux-arm64-musl': {
    runtime: '@oven/bun-linux-aarch64-musl',
    platform: { os: 'linux', arch: 'arm64', musl: true },
  },
  'bun-darwin-x64': { runtime: '@oven/bun-darwin-x64', platform: { os: 'darwin', arch: 'x64', musl: false } },
  'bun-darwin-arm64': { runtime: '@oven/bun-darwin-aarch64', platform: { os: 'darwin', arch: 'arm64', musl: false } },
  'bun-windows-x64': { runtime: '@oven/bun-windows-x64', platform: { os: 'windows', arch: 'x64', musl: false } },
  'bun-windows-arm64': {
    runtime: '@oven/bun-windows-aarch64',
    platform: { os: 'windows', arch: 'arm64', musl: false },
  },
} as const satisfies Record<string, { runtime: string; platform: Platform }>

export type Target = keyof typeof TARGETS

export const isTarget = (name: string): name is Target => Object.hasOwn(TARGETS, name)

/** Throws a UsageError for another name. */
export function knownTarget(name: string): Target {
  if (isTarget(name)) return name
  throw new UsageError(`Unknown target ${name}; known are ${Object.keys(TARGETS).join(', ')}`)
}

/** In the order in which releases list their files. */
export const ALL_TARGETS = Object.keys(TARGETS).filter(isTarget)
