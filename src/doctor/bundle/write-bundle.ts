import { open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { createTar } from 'nanotar'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { Collection, Entry, LeftOut } from './entry.ts'
import type { KnownSecrets } from './known-secrets.ts'
import { Scrubber } from './scrub.ts'

export type Bundle = {
  readonly entries: readonly Entry[]
  readonly leftOut: readonly LeftOut[]
  readonly manifest: string
}

/**
 * The second line of defence: every secret that is known is masked in whatever was collected, also in names, and what
 * still holds one is left out.
 */
export function sealBundle({ entries, leftOut }: Collection, known: KnownSecrets): Bundle {
  const scrubber = new Scrubber(known)
  const clean: Entry[] = []
  const left = leftOut.map(({ name, why }) => ({ name: scrubber.scrub(name), why: scrubber.scrub(why) }))
  for (const entry of entries) {
    const name = scrubber.scrub(entry.name)
    const content = scrubber.scrub(entry.content)
    if (known.isIncomplete && IS_TALK.test(name))
      left.push({ name, why: 'there are more secrets here than are searched for' })
    else if (scrubber.isIn(content)) left.push({ name, why: 'a secret is still in it' })
    else clean.push({ name, content })
  }
  return { entries: clean, leftOut: left, manifest: renderManifest(clean, left) }
}

/** What anybody may have written, and no key says what it is. */
const IS_TALK = /\.log(?:\.\d+)?$/

function renderManifest(entries: readonly Entry[], leftOut: readonly LeftOut[]): string {
  return [
    `Support bundle of openwork ${VERSION}, ${process.platform} ${process.arch}`,
    '',
    'Secrets were taken out by their keys, and searched for by their values in every usual form: where one stood it says',
    '[REDACTED]. Paths, names of folders and of this machine, and what programs wrote to their logs are in here.',
    'Look at it before you send it.',
    '',
    'In it:',
    ...entries.map(({ name, content }) => `  ${name} (${Buffer.byteLength(content)} bytes)`),
    '',
    'Left out, in any case: the tokens of hosts and devices, credentials of opencode (auth.json), sessions, and what is in',
    'the workspaces but for settings.',
    ...(leftOut.length > 0 ? ['', 'Left out here:', ...leftOut.map(({ name, why }) => `  ${name}: ${why}`)] : []),
    '',
  ].join('\n')
}

/** Others might learn when it was made, and by whom; nothing else is in the head of an entry. */
const ATTRS = { mode: '600', uid: 0, gid: 0, user: '', group: '' }

/**
 * Writes a bundle, 0600, and never over something that is there.
 * @param names what to call it: the first that is free
 * @throws OpenworkError support_bundle_failed
 */
export async function writeBundle(
  { entries, manifest }: Bundle,
  paths: readonly string[],
): Promise<{ path: string; bytes: number }> {
  const root = 'openwork-support'
  const files = [{ name: 'MANIFEST.txt', content: manifest }, ...entries]
  const archive = gzipSync(
    createTar(
      files.map(({ name, content }) => ({ name: `${root}/${name}`, data: content })),
      { attrs: ATTRS },
    ),
  )
  for (const path of paths) {
    try {
      await writeNew(path, archive)
      return { path, bytes: archive.length }
    } catch (error) {
      if (systemCode(error) === 'EEXIST' && path !== paths.at(-1)) continue
      throw notWritten(path, error)
    }
  }
  throw new Error('a bundle needs a name')
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

function notWritten(path: string, error: unknown): unknown {
  if (systemCode(error) === undefined) return error
  if (systemCode(error) === 'EEXIST')
    return new OpenworkError('support_bundle_failed', `${path} is there already, and stays as it is`, {
      hint: 'Name another file with --output, or move that one away.',
    })
  return new OpenworkError(
    'support_bundle_failed',
    `The support bundle cannot be written to ${path}: ${messageOf(error)}`,
    {
      hint: `See that you may write to ${dirname(path)}, or name another file with --output.`,
      cause: error,
    },
  )
}
