import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { VERSION } from '../src/shared/version.ts'
import type { Machine } from '../src/sidecars/target.ts'

const ROOT = resolve(import.meta.dir, '..')
const META = 'openwork-orchestrator'

export type PlatformPackage = Pick<Machine, 'os' | 'arch' | 'musl'> & {
  /** The openwork compiled for it. */
  executable: string
}

/**
 * Lays out what is published: the package that people install, and one for each platform that it may bring along.
 * Resolves to the folders, platforms first: nobody may see a package whose dependencies are not there yet.
 */
export async function assemblePackages(outdir: string, platforms: readonly PlatformPackage[]): Promise<string[]> {
  const folders: string[] = []
  for (const platform of platforms) folders.push(await assemblePlatform(outdir, platform))
  const meta = join(outdir, META)
  await layOut(join(ROOT, 'npm', META), meta, {
    optionalDependencies: Object.fromEntries(platforms.map(platform => [nameOf(platform), VERSION])),
  })
  return [...folders, meta]
}

const nameOf = ({ os, arch, musl }: PlatformPackage): string => `${META}-${os}-${arch}${musl ? '-musl' : ''}`

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
  const program = join(folder, 'bin', os === 'windows' ? 'openwork.exe' : 'openwork')
  await mkdir(join(folder, 'bin'))
  await copyFile(executable, program)
  await chmod(program, 0o755)
  return folder
}

/** A fresh copy of a template with our version and licence, and these fields in its manifest. */
async function layOut(template: string, folder: string, fields: object): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await cp(template, folder, { recursive: true })
  await copyFile(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  const manifest = join(folder, 'package.json')
  const content = { ...JSON.parse(await readFile(manifest, 'utf8')), version: VERSION, ...fields }
  await writeFile(manifest, `${JSON.stringify(content, null, 2)}\n`)
}
