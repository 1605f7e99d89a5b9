import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MISSING_LICENCES } from './missing-licences.ts'

/** An npm package that is compiled in. */
export type BundledPackage = {
  readonly name: string
  readonly version: string
  /** SPDX. */
  readonly license: string
  /** What its licence says, word by word: most of them demand that it goes along. */
  readonly licenseText: string
  /** As the lockfile has it, of the package's archive: `sha512-…`. */
  readonly integrity: string
}

const LICENSE_FILE = /^(?:licen[cs]e|copying)\b/i

/**
 * The packages that these modules belong to, by name.
 *
 * @param modules paths from `root`, with `/`; they lead out of it where `node_modules` is a link
 */
export async function bundledPackages(root: string, modules: readonly string[]): Promise<BundledPackage[]> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const isLocked = (folder: string): boolean => Object.hasOwn(packages, folder)
  const folders = new Set(modules.flatMap(path => packageFolder(path, isLocked) ?? []))
  const found = await Promise.all(
    [...folders].sort().map(folder => describe(root, folder, packages[folder]?.integrity)),
  )
  // npm installs one version several times where another one has the place that all would find.
  return [...new Map(found.map(each => [`${each.name}@${each.version}`, each])).values()]
}

/** `node_modules/@scope/name` for a module inside of it: the longest such end of its path that the lockfile knows. */
function packageFolder(path: string, isLocked: (folder: string) => boolean): string | undefined {
  const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]
  const ends = [...(folder?.matchAll(/(?<=^|\/)node_modules\//g) ?? [])].map(({ index }) => folder?.slice(index) ?? '')
  return ends.find(isLocked) ?? folder
}

async function describe(root: string, folder: string, integrity: unknown): Promise<BundledPackage> {
  if (typeof integrity !== 'string') throw new Error(`package-lock.json has no hash of ${folder}`)
  const { name, version, license } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
  const file = (await readdir(join(root, folder))).find(each => LICENSE_FILE.test(each))
  const missing = MISSING_LICENCES[name]
  // One that has changed its licence is not covered by what we know of it.
  if (!file && missing && missing.license === license)
    return { name, version, license, licenseText: missing.text, integrity }
  if (typeof license !== 'string' || !file) throw new Error(`${folder} is compiled in, but tells no licence`)
  return { name, version, license, licenseText: await readFile(join(root, folder, file), 'utf8'), integrity }
}
