import { OpenworkError } from '../../shared/errors.ts'
import type { WantedOpencode } from '../cache/cache-layout.ts'
import { titleOf } from '../download/sources/source.ts'
import { type ProbeOptions, probeVersion } from './probe-version.ts'

/**
 * Runs a verified build once: it may be the right one and still not run here, which is better found out now than when
 * the service starts.
 *
 * @throws OpenworkError `opencode_version_mismatch`, `opencode_not_executable`
 */
export async function tryOpencode(binary: string, wanted: WantedOpencode, options: ProbeOptions): Promise<void> {
  const { version, problem } = await probeVersion(binary, options)
  if (version === wanted.version) return
  if (version)
    throw new OpenworkError(
      'opencode_version_mismatch',
      `${titleOf(wanted)} says it is ${version}, expected ${wanted.version}`,
      { hint: 'This openwork was built with wrong pins: install another version of it.' },
    )
  throw new OpenworkError('opencode_not_executable', `${titleOf(wanted)} is verified, but ${problem}`, {
    hint: 'Another build may run here: set OPENWORK_OPENCODE_ASSET, for example to a -baseline one.',
  })
}
