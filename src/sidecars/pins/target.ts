import { execFile } from 'node:child_process'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import type { OpencodePins } from './opencode-pins.ts'

/** What decides which build of a native program runs on a machine. */
export type Machine = {
  readonly os: 'linux' | 'darwin' | 'windows'
  readonly arch: 'x64' | 'arm64'
  /** The regular x64 builds die on their first AVX2 instruction without it; unknown counts as absent. */
  readonly avx2: boolean
  readonly musl: boolean
}

/** The platform packages of opencode that run on one machine, the best first. */
export type Target = {
  /** For messages: `linux-x64`, `linux-arm64-musl`, … */
  readonly name: string
  readonly packages: readonly string[]
}

const OS: Partial<Record<string, Machine['os']>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' }

/**
 * Looks at this machine. Undefined where opencode has no build at all.
 *
 * @param root where the system's folders are; another one for a look at another system's files
 */
export async function findMachine({
  platform = process.platform as string,
  arch = process.arch as string,
  root = '/',
} = {}): Promise<Machine | undefined> {
  const os = OS[platform]
  if (os === undefined || (arch !== 'x64' && arch !== 'arm64')) return undefined
  return {
    os,
    arch,
    avx2: arch === 'x64' && (await hasAvx2(os, root)),
    musl: os === 'linux' && (await isMusl(arch, root)),
  }
}

/**
 * The packages to look for on a machine, in order. `OPENWORK_OPENCODE_ASSET`, then `OPENCODE_ASSET` names one instead:
 * a platform package, or the release archive of the same name.
 *
 * @throws OpenworkError `invalid_value` for an asset that is not one of opencode's, `platform_not_supported` when
 *   nothing pinned runs here
 */
export function planTarget(
  machine: Machine | undefined,
  pins: OpencodePins,
  env: Readonly<Record<string, string | undefined>>,
): Target {
  const known = Object.keys(pins.packages)
  for (const variable of ['OPENWORK_OPENCODE_ASSET', 'OPENCODE_ASSET']) {
    const asset = env[variable]?.trim()
    if (!asset) continue
    const name = asset.replace(/\.(?:tar\.gz|tgz|zip)$/, '')
    if (!known.includes(name)) throw unknownBuild(`${variable}=${asset}`, name, known)
    return { name: name.replace(/^opencode-/, ''), packages: [name] }
  }
  const packages = machine ? runnablePackages(machine).filter(name => known.includes(name)) : []
  if (machine === undefined || packages.length === 0) {
    const name = machine ? machineName(machine) : `${process.platform}-${process.arch}`
    throw new OpenworkError(
      'platform_not_supported',
      `This build of openwork knows no verified opencode ${pins.version} for ${name}, only for ${known.join(', ')}`,
      { hint: 'Install opencode yourself and pass --opencode-bin <path> --allow-external.' },
    )
  }
  return { name: machineName(machine), packages }
}

const machineName = ({ os, arch, musl }: Machine): string => `${os}-${arch}${musl ? '-musl' : ''}`

/** A baseline build runs wherever the regular one does; never the other way round, nor across C libraries. */
function runnablePackages(machine: Machine): string[] {
  const base = `opencode-${machine.os}-${machine.arch}`
  const libc = machine.musl ? '-musl' : ''
  if (machine.arch === 'arm64') return [`${base}${libc}`]
  return machine.avx2 ? [`${base}${libc}`, `${base}-baseline${libc}`] : [`${base}-baseline${libc}`]
}

async function hasAvx2(os: Machine['os'], root: string): Promise<boolean> {
  switch (os) {
    case 'linux':
      return /^flags\s*:.*\bavx2\b/m.test(await readIfThere(join(root, 'proc', 'cpuinfo')))
    case 'darwin':
      return (await sysctl('hw.optional.avx2_0')) === '1' // 0 under Rosetta as well, rightly
    case 'windows':
      return false // asking takes a PowerShell of a second or more; the baseline build is right everywhere
  }
}

/**
 * Alpine, or a system whose only dynamic loader is musl's. Debian with musl installed beside glibc has both, and
 * Alpine with gcompat too, which is why its release file is asked first.
 */
async function isMusl(arch: Machine['arch'], root: string): Promise<boolean> {
  const loader = {
    x64: { glibc: 'lib64/ld-linux-x86-64.so.2', musl: 'x86_64' },
    arm64: { glibc: 'lib/ld-linux-aarch64.so.1', musl: 'aarch64' },
  }[arch]
  if (await exists(join(root, 'etc', 'alpine-release'))) return true
  return (await exists(join(root, `lib/ld-musl-${loader.musl}.so.1`))) && !(await exists(join(root, loader.glibc)))
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(systemCode(error) ?? '')) return '' // a container may hide /proc
    throw error
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Empty when there is no answer within a second and a half. */
const sysctl = (name: string): Promise<string> =>
  new Promise(resolve => {
    execFile('/usr/sbin/sysctl', ['-n', name], { timeout: 1_500 }, (error, stdout) =>
      resolve(error ? '' : stdout.trim()),
    )
  })

/** Builds that opencode's makers publish, for this version or another. */
const BUILD = /^opencode-(?:linux|darwin|windows)-(?:x64|arm64)(?:-baseline)?(?:-musl)?$/

function unknownBuild(said: string, name: string, known: readonly string[]): OpenworkError {
  const problem = BUILD.test(name)
    ? 'names a build of opencode for which this openwork knows no hash'
    : 'names no build of opencode'
  return new OpenworkError('invalid_value', `${said} ${problem}`, { hint: `Use one of: ${known.join(', ')}.` })
}
