import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { unlessSystemError } from '../shared/errors.ts'
import { type FoundFile, walk } from './walk.ts'

/** A file with secrets that its owner does not have for himself. */
export type OpenFile = {
  readonly path: string
  readonly mode: number
  readonly isOurs: boolean
  /** Every folder above it lets others through as well. */
  readonly isReachable: boolean
}

/** What holds tokens, passwords or what was said: by its path below the data dir. */
const SECRET_FILES =
  /(?:^|\/)(?:runs\/[^/]+\.json(?:\.[^/]+)?|credentials\.json|remote-credentials\.json|tokens\.json|daemon\/token|auth\.json|mcp-auth\.json|server\.json|[^/]+\.log(?:\.\d+)?)$/

/** The files with secrets in a data dir that others may read or write. */
export async function openSecrets(dataDir: string, signal: AbortSignal): Promise<{ looked: number; open: OpenFile[] }> {
  const { files } = await walk(dataDir, signal)
  const secret = files.filter(({ below, kind }) => kind === 'file' && SECRET_FILES.test(below))
  const open = secret.filter(({ mode }) => (mode & 0o077) !== 0)
  return { looked: secret.length, open: await Promise.all(open.map(file => judged(file))) }
}

const judged = async ({ path, mode, uid }: FoundFile): Promise<OpenFile> => ({
  path,
  mode,
  isOurs: uid === process.getuid?.(),
  isReachable: await isReachable(dirname(path)),
})

async function isReachable(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(unlessSystemError)
  if (found === undefined || (found.mode & 0o011) === 0) return false
  return folder === dirname(folder) || (await isReachable(dirname(folder)))
}
