import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FileIndex, type FileIndexOptions } from '../../../src/server/file-index/file-index.ts'
import type { CatalogItem } from '../../../src/server/file-index/folder.ts'
import { IgnoreRules } from '../../../src/server/file-index/ignore-rules.ts'
import type { PageQuery } from '../../../src/server/file-index/page.ts'
import { Log } from '../../../src/shared/log.ts'
import { Redactor } from '../../../src/shared/redact.ts'

/** A temporary folder with an index of it, both gone with `await using`. */
export async function openIndex(
  options: Partial<Pick<FileIndexOptions, 'watch' | 'patrol'>> & { globs?: string[] } = {},
) {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'openwork-index-')))
  const logged: string[] = []
  const index = new FileIndex({
    workspaceId: 'ws_test',
    path,
    ignores: new IgnoreRules(options.globs ?? []),
    log: logInto(logged),
    ...(options.watch && { watch: options.watch }),
    ...(options.patrol && { patrol: options.patrol }),
  })
  const page = (query: Partial<PageQuery> = {}) => index.page({ limit: 100_000, includeDirs: true, ...query })
  return {
    index,
    path,
    logged,
    at: (relative: string): string => join(path, relative),
    /** Writes a file, its folders made. */
    async write(relative: string, content = relative): Promise<void> {
      await mkdir(dirname(join(path, relative)), { recursive: true })
      await writeFile(join(path, relative), content)
    },
    page,
    async paths(query: Partial<PageQuery> = {}): Promise<string[]> {
      return (await page(query)).items.map(item => item.path)
    },
    async item(relative: string): Promise<CatalogItem | undefined> {
      return (await page({ prefix: relative })).items[0]
    },
    /** What happened since the last call or the start, as `type path` with `-> toPath`. */
    events: eventsOf(index),
    /** Resolves when a condition holds, which is asked after every event and now. */
    async until(holds: () => boolean | Promise<boolean>): Promise<void> {
      for (;;) {
        const { cursor } = index
        if (await holds()) return
        await index.behind(cursor, new AbortController().signal)
      }
    },
    async [Symbol.asyncDispose]() {
      index.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

function eventsOf(index: FileIndex): () => string[] {
  let seen = 0
  return () => {
    const { items } = index.eventsSince({ epoch: index.epoch, seq: seen })
    seen = index.cursor
    return items.map(({ type, path, toPath }) => `${type} ${path}${toPath ? ` -> ${toPath}` : ''}`)
  }
}

export function logInto(lines: string[]): Log {
  return new Log({
    format: 'pretty',
    color: false,
    runId: 'test',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'info',
    redactor: new Redactor(),
    write: line => lines.push(line),
  })
}
