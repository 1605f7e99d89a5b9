import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type AuditEntry, auditEntry } from '../api/audit.ts'
import type { Actor } from '../api/whoami.ts'
import type { Workspace } from '../api/workspaces.ts'
import { systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { sha256Hex } from './digest.ts'
import { fileLinesFromEnd, Journal, type JournalLimits } from './journal.ts'

/** What was done, to what; who did it and when is added. */
export type AuditNote = Pick<AuditEntry, 'action' | 'target' | 'summary'>

/** Some 100,000 entries. */
const LIMITS: JournalLimits = { maxBytes: 8 * 1024 * 1024, keep: 4 }

/** Answers to questions are entries too, and change nothing themselves. */
const APPROVAL_PREFIX = 'approval.'

/** What was done and refused through this server, one journal per workspace in `<data dir>/audit`. */
export class AuditLog {
  readonly #folder: string
  readonly #log: Log
  readonly #limits: JournalLimits
  readonly #journals = new Map<string, Journal>()
  readonly #lastChangeMs = new Map<string, number | null>()

  constructor(dataDir: string, log: Log, limits = LIMITS) {
    this.#folder = join(dataDir, 'audit')
    this.#log = log
    this.#limits = limits
  }

  /**
   * Writes entries down. Never rejects: what they speak of has happened, and failing its request would ask for it once
   * more. That an entry is missing is an error in the log.
   */
  async record(workspaceId: string, actor: Actor, notes: readonly AuditNote[]): Promise<void> {
    const timestamp = Date.now()
    const entries = notes.map(({ action, target, summary }): AuditEntry => {
      return { id: randomUUID(), workspaceId, actor, action, target, summary, timestamp }
    })
    if (notes.some(isChange)) this.#lastChangeMs.set(workspaceId, timestamp)
    try {
      await this.#journalOf(workspaceId).append(entries.map(entry => JSON.stringify(entry)))
    } catch (error) {
      const what = notes.map(({ action, target }) => `${action} ${target}`).join(', ')
      this.#log.error(`Not in the audit log (${systemCode(error) ?? String(error)}): ${what}`)
    }
  }

  /** The newest entries, newest first. */
  async recent(workspace: Workspace, limit: number): Promise<AuditEntry[]> {
    const entries: AuditEntry[] = []
    for await (const entry of this.#entriesFromEnd(workspace)) if (entries.push(entry) >= limit) break
    return entries
  }

  /** When something was last changed through this server, milliseconds since the epoch; null when never. */
  async lastChangeAt(workspace: Workspace): Promise<number | null> {
    const known = this.#lastChangeMs.get(workspace.id)
    if (known !== undefined) return known
    const found = await this.#findLastChange(workspace)
    // A change recorded meanwhile is the newer one.
    const last = this.#lastChangeMs.get(workspace.id) ?? found
    this.#lastChangeMs.set(workspace.id, last)
    return last
  }

  async #findLastChange(workspace: Workspace): Promise<number | null> {
    for await (const entry of this.#entriesFromEnd(workspace)) if (isChange(entry)) return entry.timestamp
    return null
  }

  /** Resolves when everything recorded is written, or refused by the system. */
  async flush(): Promise<void> {
    await Promise.all([...this.#journals.values()].map(journal => journal.flush()))
  }

  /** Lines that are no entries are passed over. Before our first one, those of earlier versions count. */
  async *#entriesFromEnd(workspace: Workspace): AsyncGenerator<AuditEntry> {
    let isNew = true
    for await (const line of this.#journalOf(workspace.id).linesFromEnd()) {
      isNew = false
      yield* entryOf(line)
    }
    if (!isNew || workspace.path === '') return
    for await (const line of fileLinesFromEnd(legacyPath(workspace))) yield* entryOf(line)
  }

  #journalOf(workspaceId: string): Journal {
    const known = this.#journals.get(workspaceId)
    if (known) return known
    const journal = new Journal(join(this.#folder, fileNameOf(workspaceId)), this.#limits)
    this.#journals.set(workspaceId, journal)
    return journal
  }
}

const isChange = ({ action }: AuditNote): boolean => !action.startsWith(APPROVAL_PREFIX)

/** Where earlier versions wrote. */
const legacyPath = ({ path }: Workspace): string => join(path, '.opencode', 'openwork', 'audit.jsonl')

/** An id comes from a settings file and may be anything; only a plain one becomes a file name. */
const fileNameOf = (workspaceId: string): string =>
  `${/^[A-Za-z0-9_][\w-]{0,99}$/.test(workspaceId) ? workspaceId : sha256Hex(workspaceId)}.jsonl`

/** Nothing for a line that a crash tore, or that is not ours. */
function* entryOf(line: string): Generator<AuditEntry> {
  try {
    const entry = auditEntry.safeParse(JSON.parse(line))
    if (entry.success) yield entry.data
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
}
