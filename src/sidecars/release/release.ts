import type { Machine } from '../pins/target.ts'

/** Name of the manifest of a release, beside its files. */
export const MANIFEST_FILE = 'openwork-orchestrator-sidecars.json'

/** Where the files of a release are, unless `--sidecar-base-url` names a mirror. */
export const releaseBaseUrl = (version: string): string =>
  `https://github.com/different-ai/openwork/releases/download/openwork-orchestrator-v${version}`

/** Where the files of a release are asked for. */
export type ReleasePlace = {
  /** Without a slash at its end. */
  readonly baseUrl: string
  readonly manifestUrl: string
  /** Which of them the user named: what goes wrong there is then worth a warning. */
  readonly named: readonly ('baseUrl' | 'manifestUrl')[]
}

/** Both URLs from what was named of them; from the release of this version else. */
export function releasePlace(
  version: string,
  { baseUrl, manifestUrl }: { baseUrl?: string | undefined; manifestUrl?: string | undefined } = {},
): ReleasePlace {
  const base = (baseUrl ?? releaseBaseUrl(version)).replace(/\/+$/, '')
  return {
    baseUrl: base,
    manifestUrl: manifestUrl ?? `${base}/${MANIFEST_FILE}`,
    named: [
      ...(baseUrl === undefined ? [] : (['baseUrl'] as const)),
      ...(manifestUrl === undefined ? [] : (['manifestUrl'] as const)),
    ],
  }
}

/** The same place, of which nothing has been read yet: its manifest is read once for each such object. */
export const anew = <Place extends ReleasePlace>(place: Place): Place => ({ ...place })

const FLAGS = { baseUrl: '--sidecar-base-url', manifestUrl: '--sidecar-manifest' } as const
const VARIABLES = { baseUrl: 'OPENWORK_SIDECAR_BASE_URL', manifestUrl: 'OPENWORK_SIDECAR_MANIFEST_URL' } as const

/** The next step when the release files cannot be had: nobody is told to check what they did not name. */
export function mirrorHint({ named }: Pick<ReleasePlace, 'named'>): string {
  if (named.length === 0) return 'Name a mirror of the release files with --sidecar-base-url <url>.'
  const flags = named.map(key => `${FLAGS[key]} (${VARIABLES[key]})`)
  return `Check ${flags.join(' and ')}, or leave ${named.length > 1 ? 'them' : 'it'} out.`
}

/** A platform that our own executable is built for. An x64 build runs with and without AVX2. */
export type Platform = Pick<Machine, 'os' | 'arch' | 'musl'>

/** `linux-x64`, `linux-arm64-musl`, `windows-x64`: in manifests, package names and cache folders. */
export const platformName = ({ os, arch, musl }: Platform): string => `${os}-${arch}${musl ? '-musl' : ''}`

/** Our executable for a platform as a release file: `openwork-bun-linux-x64`, `openwork-bun-windows-arm64.exe`. */
export const executableAsset = (platform: Platform): string =>
  `openwork-bun-${platformName(platform)}${platform.os === 'windows' ? '.exe' : ''}`
