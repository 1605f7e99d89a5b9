import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { parseVersion } from './version-order.ts'

/** Of an openwork that a package manager installed: nothing of the version before is kept there. */
const previousFile = (dataDir: string): string => join(dataDir, 'previous-openwork.json')

/** What is installed now, for a rollback after the upgrade that is to come. Resolves to what takes that back. */
export async function rememberVersion(dataDir: string, version: string): Promise<() => Promise<void>> {
  const before = await textIn(dataDir)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const { default: writeFileAtomic } = await import('write-file-atomic')
  const write = (text: string): Promise<void> => writeFileAtomic(previousFile(dataDir), text, { mode: 0o600 })
  await write(`${JSON.stringify({ version })}\n`)
  return () => (before === undefined ? rm(previousFile(dataDir), { force: true }) : write(before))
}

/** @throws OpenworkError `upgrade_not_possible` when no upgrade was made */
export async function rememberedVersion(dataDir: string): Promise<string> {
  const version = /"version":\s*"([^"]*)"/.exec((await textIn(dataDir)) ?? '')?.[1]
  if (version !== undefined) return parseVersion(version, `The version in ${previousFile(dataDir)}`)
  throw new OpenworkError('upgrade_not_possible', 'It is not known which openwork was installed before', {
    hint: 'Choose a version with `openwork upgrade --to <version>`.',
  })
}

/** Undefined when nothing was remembered. */
async function textIn(dataDir: string): Promise<string | undefined> {
  try {
    return await readFile(previousFile(dataDir), 'utf8')
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
    return undefined
  }
}
