// A directory, a home and what is said of them, for tests of the watch.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { FileWatch } from '../../src/hot-reload/file-watch.ts'
import { type FileWatches, type FileWatchesOptions, openFileWatches } from '../../src/hot-reload/file-watches.ts'
import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'

const LIMIT_MS = 20_000

export type Watching = {
  /** A repository, followed. */
  readonly directory: string
  readonly home: string
  readonly watches: FileWatches
  readonly watch: FileWatch
  readonly hints: number
  readonly logged: string
  put(path: string, text: string): Promise<void>
  /** `added command c`, … as a look tells them. */
  changes(): Promise<string[]>
  /** `opencode.json:1:2 why`. */
  problems(): Promise<string[]>
  /** Does it, and waits until a hint comes after it. */
  hintAfter(act: () => unknown): Promise<void>
  /** opencode has read what there is now. */
  accept(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

type WatchingOptions = Partial<FileWatchesOptions> & {
  files?: Readonly<Record<string, string>>
  readAtMs?: number
  /** Where what `directory` holds is; default: a folder of its own. */
  below?: string
}

export async function watching(options: WatchingOptions = {}): Promise<Watching> {
  const { files = {}, readAtMs, below, ...rest } = options
  const root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-watch-')))
  const [home, directory] = [join(root, 'home'), join(root, below ?? 'project')]
  await mkdir(home)
  await mkdir(join(directory, '.git'), { recursive: true })
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  for (const [path, text] of Object.entries(files)) await put(path, text)
  let [hints, logged] = [0, '']
  const log = logInto(line => {
    logged += `${line}\n`
  })
  const watches = openFileWatches({ managed: join(root, 'managed'), log, ...rest, env: { HOME: home, ...rest.env } })
  const watch = watches.follow({
    directory,
    readAtMs,
    onHint: () => {
      hints += 1
    },
  })
  await watch.ready
  const told = (path: string): string => path.replace(`${directory}/`, '').replace(`${home}/`, '~/')
  return {
    directory,
    home,
    watches,
    watch,
    get hints() {
      return hints
    },
    get logged() {
      return logged
    },
    put,
    changes: async () =>
      (await watch.look()).changes.map(({ action, kind, name, path }) => `${action} ${kind} ${name ?? told(path)}`),
    problems: async () =>
      (await watch.look()).problems.map(
        ({ path, line, column, message }) =>
          `${told(path)}:${line}:${column} ${message.replaceAll(`${directory}/`, '')}`,
      ),
    hintAfter: async act => {
      const before = hints
      await act()
      await until('a hint', () => hints > before)
    },
    accept: async () => watch.accept(await watch.look()),
    [Symbol.asyncDispose]: async () => {
      watches.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

export const logInto = (write: (line: string) => void): Log =>
  new Log({
    format: 'pretty',
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'info',
    redactor: new Redactor(),
    write,
  })

/** Waits until it is so, and fails when that takes too long. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + LIMIT_MS
  while (!(await isTrue())) {
    if (Date.now() > endsAt) throw new Error(`waited too long for: ${what}`)
    await Bun.sleep(5)
  }
}
