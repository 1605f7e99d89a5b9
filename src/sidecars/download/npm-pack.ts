import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npmFailure, runNpm } from './npm-client.ts'

/** A slow line needs minutes for 60 MB; npm itself gives up on a dead one much earlier. */
const PACK_LIMIT_MS = 15 * 60_000

export type NpmPackOptions = {
  /** The user's environment: npm's own settings, proxies and certificates are meant to apply. */
  env: Readonly<Record<string, string | undefined>>
  limitMs?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * Fetches one package with the user's own npm client, so that their registry, mirror, proxy and credentials apply, and
 * resolves to the path of its `.tgz` inside `folder`. No script of any package is run. `folder` must be empty and ours.
 *
 * @throws OpenworkError `sidecar_download_failed` with npm's own words, `disk_full`; the reason of an aborted `signal`
 */
export async function npmPack(
  spec: { name: string; version: string },
  folder: string,
  { env, limitMs = PACK_LIMIT_MS, signal }: NpmPackOptions,
): Promise<string> {
  // A package.json makes npm take this folder as the project: without one it walks up, and reads the .npmrc it finds.
  await writeFile(join(folder, 'package.json'), '{"private":true}\n', { mode: 0o600 })
  const packed = join(folder, 'packed')
  await mkdir(packed, { mode: 0o700 })
  const { name, version } = spec
  // Nothing in these arguments needs quoting, so that they pass cmd.exe as they are: the path is relative to the cwd.
  const args = ['pack', `${name}@${version}`, '--json', '--pack-destination', 'packed', '--ignore-scripts']
  const end = await runNpm(args, { cwd: folder, env, limitMs, signal })
  const archives = (await readdir(packed)).filter(file => file.endsWith('.tgz'))
  const [archive] = archives
  if (archive !== undefined && archives.length === 1) return join(packed, archive)
  throw npmFailure(`npm pack ${name}@${version}`, end, limitMs)
}
