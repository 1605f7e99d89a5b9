import { join } from 'node:path'
import { OpenworkError } from '../shared/errors.ts'
import { homeFolder } from '../shared/home-folder.ts'
import type { Log } from '../shared/log.ts'
import type { FileWatch, FileWatchOptions } from './file-watch.ts'
import { DirectoryWatch, type Surroundings } from './watch/directory-watch.ts'
import { FileFacts } from './watch/file-facts.ts'
import { FolderWatches } from './watch/folder-watches.ts'
import { ProblemFinder } from './watch/problem-finder.ts'

export type FileWatchesOptions = {
  /** Of opencode: it says where the user's and other config files are. */
  env: Readonly<Record<string, string | undefined>>
  log: Log
  /** JSON schema of opencode's settings; without it, only their syntax is checked. May reject. */
  configSchema?: () => Promise<unknown>
  /** How often every directory is looked at, whatever the system told; less often when that takes long. Default 60 s. */
  rescanMs?: number
  /** How often directories are looked at for which the system has no watches. Default 2 s. */
  pollMs?: number
  /** How long a look may take. What was read until then is known at the next one. Default 30 s. */
  lookLimitMs?: number
  /** Where an administrator puts settings for all users. Default: as opencode has it for this system. */
  managed?: string
}

/** The watches of all directories of a program. They share what the directories have in common. */
export type FileWatches = {
  /** The caller closes it. */
  follow(options: FileWatchOptions): FileWatch
  /** How many watches of the system are in use. */
  readonly count: number
  close(): void
}

const RESCAN_MS = 60_000
const POLL_MS = 2_000
const LOOK_LIMIT_MS = 30_000

/** Costs nothing until something is followed. */
export function openFileWatches(options: FileWatchesOptions): FileWatches {
  const { env, log, configSchema, rescanMs = RESCAN_MS, pollMs = POLL_MS, lookLimitMs = LOOK_LIMIT_MS } = options
  const home = env.HOME || env.USERPROFILE || homeFolder()
  const facts = new FileFacts(home)
  const folders = new FolderWatches({ log, pollMs })
  const problems = new ProblemFinder({ env, home, log, facts, configSchema })
  const around: Surroundings = {
    env,
    home,
    managed: options.managed ?? managedFolder(env),
    log,
    facts,
    folders,
    problems,
    lookLimitMs,
    toldNotes: new Set(),
  }
  const followed = new Set<DirectoryWatch>()
  const rounds = [
    new Rounds({ followed, log, everyMs: rescanMs, pausePerMs: 300, isDue: () => true }),
    new Rounds({ followed, log, everyMs: pollMs, pausePerMs: 20, isDue: ({ mode }) => mode === 'polling' }),
  ]
  return {
    follow(asked) {
      const watch = new DirectoryWatch(asked, around, () => followed.delete(watch))
      followed.add(watch)
      return watch
    },
    get count() {
      return folders.count
    },
    close() {
      for (const round of rounds) round.end()
      for (const watch of [...followed]) watch.close()
      folders.close()
    },
  }
}

type RoundsOptions = {
  followed: ReadonlySet<DirectoryWatch>
  log: Log
  everyMs: number
  /** So many times as long as a round took is the pause after it at least: hundreds of directories cost little, too. */
  pausePerMs: number
  isDue(watch: DirectoryWatch): boolean
}

/** Looks at directories now and then, one after the other. */
class Rounds {
  readonly #options: RoundsOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  #isEnded = false

  constructor(options: RoundsOptions) {
    this.#options = options
    this.#after(options.everyMs)
  }

  end(): void {
    this.#isEnded = true
    clearTimeout(this.#timer)
  }

  #after(pauseMs: number): void {
    if (this.#isEnded) return
    this.#timer = setTimeout(() => void this.#run(), pauseMs)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const { followed, log, everyMs, pausePerMs, isDue } = this.#options
    const startedMs = performance.now()
    for (const watch of [...followed])
      if (isDue(watch))
        await watch.rescan().catch(error => {
          if (error instanceof OpenworkError) return // the next look tells
          log.error(`Looking for changes failed: ${error instanceof Error ? error.stack : String(error)}`)
        })
    this.#after(Math.max(everyMs, pausePerMs * (performance.now() - startedMs)))
  }
}

function managedFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (process.platform === 'darwin') return '/Library/Application Support/opencode'
  if (process.platform === 'win32') return join(env.ProgramData || 'C:\\ProgramData', 'opencode')
  return '/etc/opencode'
}
