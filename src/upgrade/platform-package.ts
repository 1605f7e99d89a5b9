import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError } from '../shared/errors.ts'
import { extractArchiveEntry } from '../sidecars/archive/extract-entry.ts'
import { npmPack } from '../sidecars/download/npm-pack.ts'
import { findMachine } from '../sidecars/pins/target.ts'
import { platformName } from '../sidecars/release/release.ts'
import { PACKAGE } from './managers.ts'
import type { UpgradeOptions } from './upgrade-options.ts'

/** Five times what openwork takes. */
const MAX_BYTES = 512 * 1024 ** 2

/**
 * Fetches the package for this machine with the user's npm client, and resolves to its executable, unpacked in `folder`.
 *
 * @throws OpenworkError `platform_not_supported`; what `npmPack` and unpacking throw
 */
export async function unpackPlatformPackage(version: string, folder: string, options: UpgradeOptions): Promise<string> {
  const machine = await findMachine()
  if (machine === undefined)
    throw new OpenworkError('platform_not_supported', `openwork is not made for ${process.platform}-${process.arch}`)
  const { env, signal } = options
  const name = `${PACKAGE}-${platformName(machine)}`
  options.onStep(`Fetching ${name}@${version} with npm`)
  const archive = await npmPack({ name, version }, folder, { env, signal })
  const file = machine.os === 'windows' ? 'openwork.exe' : 'openwork'
  const path = join(folder, file)
  {
    await using handle = await open(path, 'w', 0o755)
    const write = (bytes: Uint8Array) => handle.writeFile(bytes)
    await extractArchiveEntry(archive, {
      archive: 'tgz',
      entry: `package/bin/${file}`,
      maxBytes: MAX_BYTES,
      write,
      signal,
    })
    await handle.sync()
  }
  await rm(archive)
  return path
}
