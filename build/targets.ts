/**
 * The platforms we compile for: Bun's name of the target, and the npm package that holds Bun for it.
 * Both follow Bun's naming; ours in file names (`openwork-bun-linux-arm64`) says `arm64` as Node does.
 */
export const TARGETS = {
  'bun-linux-x64': '@oven/bun-linux-x64',
  'bun-linux-arm64': '@oven/bun-linux-aarch64',
  'bun-linux-x64-musl': '@oven/bun-linux-x64-musl',
  'bun-linux-arm64-musl': '@oven/bun-linux-aarch64-musl',
  'bun-darwin-x64': '@oven/bun-darwin-x64',
  'bun-darwin-arm64': '@oven/bun-darwin-aarch64',
  'bun-windows-x64': '@oven/bun-windows-x64',
  'bun-windows-arm64': '@oven/bun-windows-aarch64',
} as const

export type Target = keyof typeof TARGETS

export const isTarget = (name: string): name is Target => Object.hasOwn(TARGETS, name)
