// A watch of a folder's own files that is told when to look: what the system reports, and how late, is another test's.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FileChange } from '../../src/api/hot-reload.ts'
import type { FileWatch, FileWatchOptions, Look } from '../../src/hot-reload/file-watch.ts'

/** The rest of a folder is not opencode's, or opencode writes it itself. */
const READ = /\/(?:opencode|read-once)\.json$|\/\.opencode\/(?:.*\/)?(?:command|agent|skill)\//

type Contents = ReadonlyMap<string, string>

/** Watches of any number of folders; `hint` is what the system would report. */
export function folderWatches() {
  const open = new Map<string, FileWatchOptions>()
  const seen = new WeakMap<Look, Contents>()
  return {
    open: open as ReadonlyMap<string, FileWatchOptions>,
    hint: (directory: string) => open.get(directory)?.onHint(),
    watches(options: FileWatchOptions): FileWatch {
      const { directory } = options
      let accepted = readAll(directory, options.readAtMs)
      if (!open.has(directory)) open.set(directory, options)
      return {
        ready: Promise.resolve(),
        mode: 'events',
        notes: [],
        async look() {
          const now = readAll(directory)
          const difference = differenceOf(accepted, now)
          const look: Look = {
            ...difference,
            needsRestart: difference.changes.some(({ path }) => basename(path) === 'read-once.json'),
            writtenAtMs: new Map(difference.changes.flatMap(({ path }) => writeOf(path))),
          }
          seen.set(look, now)
          return look
        },
        accept(look) {
          accepted = seen.get(look) ?? accepted
        },
        close: () => {
          if (open.get(directory) === options) open.delete(directory)
        },
      }
    },
  }
}

function writeOf(path: string): [string, number][] {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats ? [[path, stats.ctimeMs]] : []
}

function differenceOf(before: Contents, now: Contents): Pick<Look, 'changes' | 'problems'> {
  const change = (path: string, action: FileChange['action']): FileChange => {
    const kind = (['command', 'agent', 'skill'] as const).find(kind => path.includes(`/${kind}/`))
    return { kind: kind ?? 'config', ...(kind && { name: basename(path, '.md') }), action, path }
  }
  const added = [...now.keys()].filter(path => !before.has(path)).map(path => change(path, 'added'))
  const removed = [...before.keys()].filter(path => !now.has(path)).map(path => change(path, 'removed'))
  const changed = [...now].filter(([path, text]) => before.has(path) && before.get(path) !== text)
  const broken = [...now].filter(([path, text]) => path.endsWith('.json') && !isJson(text))
  return {
    changes: [...added, ...changed.map(([path]) => change(path, 'changed')), ...removed],
    problems: broken.map(([path]) => ({ path, line: 1, column: 2, message: 'no JSON' })),
  }
}

function readAll(directory: string, untilMs = Number.POSITIVE_INFINITY): Contents {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(name => join(directory, name))
  const files = paths.filter(path => READ.test(path) && statSync(path).isFile() && statSync(path).ctimeMs <= untilMs)
  return new Map(files.map(path => [path, readFileSync(path, 'utf8')]))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
