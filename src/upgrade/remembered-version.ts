import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { parseVersion } from './version-order.ts'

/** Of an openwork that a package manager installed: nothing of the version before is kept there. */
const previousFile = (dataDir: string): string => join(dataDir, 'previous-openwork.json')

/** What is installed now, for a rollback after the upgrade that is to come. */
export async function rememberVersion(dataDir: string, version: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const { default: writeFileAtomic } = await import('write-file-atomic')
  await writeFileAtomic(previousFile(dataDir), `${JSON.stringify({ version })}\n`, { mode: 0o600 })
}

/** @throws OpenworkError `upgrade_not_possible` when no upgrade was made */
export async function rememberedVersion(dataDir: string): Promise<string> {
  let text = ''
  try {
    text = await readFile(previousFile(dataDir), 'utf8')
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
  }
  const version = /"version":\s*"([^"]*)"/.exec(text)?.[1]
  if (version !== undefined) return parseVersion(version, `The version in ${previousFile(dataDir)}`)
  throw new OpenworkError('upgrade_not_possible', 'It is not known which openwork was installed before', {
    hint: 'Choose a version with `openwork upgrade --to <version>`.',
  })
}
