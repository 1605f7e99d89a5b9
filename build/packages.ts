import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OPENCODE_VERSION, VERSION } from '../src/shared/version.ts'
import { executableAsset, type Platform, platformName } from '../src/sidecars/release/release.ts'
import { hashFile } from './release/checksums.ts'

const ROOT = resolve(import.meta.dir, '..')
const META = 'openwork-orchestrator'
/** Of people's settings, for their editors. */
const SCHEMA = 'config.schema.json'

export type PlatformPackage = Platform & {
  /** The openwork compiled for it. */
  executable: string
}

/** The executable of a platform, which is the same file in the release and in the platform package. */
type Checksum = {
  /** Of the release. */
  asset: string
  package: string
  /** Inside the package. */
  file: string
  sha256: string
  size: number
}

/**
 * Lays out what is published: the package that people install, and one for each platform that it may bring along. The
 * first knows the hashes of the others' executables, so that it can take them from anywhere.
 * Resolves to the folders, platforms first: nobody may see a package whose dependencies are not there yet.
 */
export async function assemblePackages(outdir: string, platforms: readonly PlatformPackage[]): Promise<string[]> {
  const folders: string[] = []
  for (const platform of platforms) folders.push(await assemblePlatform(outdir, platform))
  const meta = join(outdir, META)
  await layOut(join(ROOT, 'npm', META), meta, {
    optionalDependencies: Object.fromEntries(platforms.map(platform => [nameOf(platform), VERSION])),
  })
  const checksums: Record<string, Checksum> = {}
  for (const platform of platforms) checksums[platformName(platform)] = await checksumOf(platform)
  await writeJson(join(meta, 'checksums.json'), checksums)
  await copyFile(join(ROOT, 'docs', SCHEMA), join(meta, SCHEMA))
  await writeJson(join(meta, 'constants.json'), { opencodeVersion: OPENCODE_VERSION })
  return [...folders, meta]
}

const nameOf = (platform: Platform): string => `${META}-${platformName(platform)}`
const fileOf = ({ os }: Platform): string => `bin/openwork${os === 'windows' ? '.exe' : ''}`

async function assemblePlatform(outdir: string, platform: PlatformPackage): Promise<string> {
  const { os, arch, musl, executable } = platform
  const name = nameOf(platform)
  const folder = join(outdir, name)
  await layOut(join(ROOT, 'npm', 'platform'), folder, {
    name,
    os: [os === 'windows' ? 'win32' : os],
    cpu: [arch],
    ...(os === 'linux' ? { libc: [musl ? 'musl' : 'glibc'] } : {}),
  })
  const program = join(folder, fileOf(platform))
  await mkdir(join(folder, 'bin'))
  await copyFile(executable, program)
  await chmod(program, 0o755)
  return folder
}

async function checksumOf(platform: PlatformPackage): Promise<Checksum> {
  return {
    asset: executableAsset(platform),
    package: nameOf(platform),
    file: fileOf(platform),
    ...(await hashFile(platform.executable)),
  }
}

/** A fresh copy of a template with our version and licence, and these fields in its manifest. */
async function layOut(template: string, folder: string, fields: object): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await cp(template, folder, { recursive: true })
  await copyFile(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  const manifest = join(folder, 'package.json')
  // The templates are private, so that nobody publishes one by accident.
  const { private: _, ...content } = JSON.parse(await readFile(manifest, 'utf8'))
  await writeJson(manifest, { ...content, version: VERSION, ...fields })
}

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFile(path, `${JSON.stringify(value, null, 2)}\n`)
