import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { TransferProgress } from '../sidecars/fetch/progress.ts'
import type { ReleasePlace } from '../sidecars/release/release.ts'

export type UpgradeOptions = {
  /** The user's: settings of package managers, proxies and certificates are meant to apply. */
  env: Readonly<Record<string, string | undefined>>
  /** Where the files of releases are, if the user named a place. */
  place: ReleasePlace | undefined
  sidecarDir: string
  /**
   * Made when it is needed, for this user alone. The folders above it are as the data dir was chosen: what runs here must
   * not take settings from there, or refuse those that others can write (`requireOwnFolders`).
   */
  scratchDir: string
  signal: AbortSignal
  /** Told what an interruption from now on leaves behind; undefined when that is everything as it was. */
  onOutcome: (outcome: string | undefined) => void
  /** A sentence for each step that may take a while. */
  onStep: (what: string) => void
  onProgress: (progress: TransferProgress) => void
  /** What the programs that are called print, once they have ended. */
  onOutput: (text: string) => void
}

/**
 * Refuses before anything is fetched what could not be put in its place.
 *
 * @param command what somebody with more rights would run
 * @throws OpenworkError `upgrade_not_possible`
 */
export async function requireWritable(path: string, command: string): Promise<void> {
  const folder = dirname(path)
  try {
    await access(folder, constants.W_OK | constants.X_OK)
  } catch {
    const isImage = (await isContainer()) && (await isOnRootFileSystem(folder))
    throw new OpenworkError('upgrade_not_possible', `${folder} cannot be written by you`, {
      hint: isImage
        ? 'This is a container: build its image anew with the other version.'
        : `Run \`${command}\` with the rights of whoever installed it.`,
    })
  }
}

const isContainer = (): Promise<boolean> =>
  Promise.any(['/.dockerenv', '/run/.containerenv'].map(mark => access(mark))).then(
    () => true,
    () => false,
  )

/** A volume is none of the image's. */
async function isOnRootFileSystem(path: string): Promise<boolean> {
  try {
    const [folder, root] = await Promise.all([stat(path), stat('/')])
    return folder.dev === root.dev
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return false
  }
}
