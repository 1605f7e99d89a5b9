import type { OpencodePins } from '../pins/opencode-pins.ts'
import type { WantedOpencode } from './cache-layout.ts'

// What `openwork cache export` writes: a tar with
//
//   openwork-cache/index.json                              what is in it, for people and their scripts
//   openwork-cache/opencode/<version>/<package>/opencode   a build; the path is all that an import goes by
//
// Nothing in it says what a build must be: that is compiled into the executable that imports it.

const ROOT = 'openwork-cache'
export const INDEX_PATH = `${ROOT}/index.json`

/** One build, as `index.json` lists it. */
export type IndexedFile = {
  readonly path: string
  readonly name: 'opencode'
  readonly version: string
  /** `linux-x64-baseline` */
  readonly target: string
  readonly sha256: string
  readonly size: number
}

export const indexed = ({ name, version, pin }: WantedOpencode): IndexedFile => ({
  path: `${ROOT}/opencode/${version}/${name}/${pin.file}`,
  name: 'opencode',
  version,
  target: targetOfPackage(name),
  sha256: pin.sha256,
  size: pin.size,
})

export const targetOfPackage = (name: string): string => name.replace(/^opencode-/, '')

/** What the path of a build says; undefined for everything else in an archive. */
export function parseBuildPath(path: string): { version: string; name: string; file: string } | undefined {
  const [root, kind, version, name, file, ...more] = path.replace(/^\.\//, '').split('/')
  if (root !== ROOT || kind !== 'opencode' || !version || !name || !file || more.length > 0) return undefined
  return { version, name, file }
}

/** The pinned build of this name, if there is one. */
export function wantedBuild(pins: OpencodePins, name: string): WantedOpencode | undefined {
  const pin = Object.hasOwn(pins.packages, name) ? pins.packages[name] : undefined
  return pin && { name, version: pins.version, pin }
}
