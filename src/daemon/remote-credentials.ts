import { rename } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { writing } from '../orchestrator/write-failure.ts'
import { systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { readPlainFile } from '../shared/plain-file.ts'
import { secret } from '../shared/secret.ts'
import type { RemoteCredentials } from './workspace-id.ts'

const MAX_BYTES = 16 * 1024 * 1024

const credentialsFile = z.record(z.string(), z.object({ username: z.string(), password: z.string() }))

/** What remote workspaces ask for, by their ids: in a file of its own, for its owner alone, and in nothing that is shown. */
export class KeptCredentials {
  readonly #path: string
  #byId: ReadonlyMap<string, RemoteCredentials>

  private constructor(path: string, byId: ReadonlyMap<string, RemoteCredentials>) {
    this.#path = path
    this.#byId = byId
  }

  /** A file that holds something else is set aside. The log masks all of them from now on. */
  static async open(path: string, log: Pick<Log, 'warn' | 'redactor'>): Promise<KeptCredentials> {
    const kept = await writing(path, () => readOrSetAside(path, log))
    for (const credentials of kept.values()) mask(credentials, log)
    return new KeptCredentials(path, kept)
  }

  of(id: string): RemoteCredentials | undefined {
    return this.#byId.get(id)
  }

  /** Undefined: it has none from now on. Throws disk_full, data_dir_unusable. */
  async keep(id: string, credentials: RemoteCredentials | undefined): Promise<void> {
    const next = new Map(this.#byId)
    if (credentials) next.set(id, credentials)
    else if (!next.delete(id)) return
    const revealed = [...next].map(([key, { username, password }]) => [
      key,
      { username: username.reveal(), password: password.reveal() },
    ])
    const text = `${JSON.stringify(Object.fromEntries(revealed), null, 2)}\n`
    await writing(this.#path, () => writeFileAtomic(this.#path, text, { mode: 0o600 }))
    this.#byId = next
  }
}

/** The user name alone is a word like others: often `opencode`. */
export function mask({ username, password }: RemoteCredentials, { redactor }: Pick<Log, 'redactor'>): void {
  redactor.add(password)
  redactor.add(secret(`${username.reveal()}:${password.reveal()}`))
}

async function readOrSetAside(path: string, log: Pick<Log, 'warn'>): Promise<Map<string, RemoteCredentials>> {
  let text: string
  try {
    text = await readPlainFile(path, { maxBytes: MAX_BYTES })
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return new Map()
    throw error
  }
  const read = credentialsFile.safeParse(parseOrUndefined(text)).data
  if (read)
    return new Map(
      Object.entries(read).map(([id, { username, password }]) => [
        id,
        { username: secret(username), password: secret(password) },
      ]),
    )
  await rename(path, `${path}.broken`)
  log.warn('the credentials of remote workspaces could not be read and were set aside', { path: `${path}.broken` })
  return new Map()
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told as a file that holds something else
  }
}
