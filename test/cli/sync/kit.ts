import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { catalogPage } from '../../../src/api/catalog.ts'
import { fileSessionReply } from '../../../src/api/files.ts'
import type { SyncResult } from '../../../src/cli/sync/report.ts'
import { revisionOf } from '../../../src/server/files/revision.ts'
import { asClient, CLIENT_TOKEN, startServer, temporaryFolder } from '../../server/start-server.ts'
import { type Ran, runCommand } from '../commands/run-command.ts'

/** Contents by relative path. */
export type Tree = Record<string, string>

export async function writeTree(root: string, tree: Tree): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
}

/** Symbolic links are left out and not followed. */
export async function readTree(root: string): Promise<Tree> {
  const tree: Tree = {}
  for (const path of await filesBelow(root)) tree[path.slice(root.length + 1)] = await readFile(path, 'utf8')
  return tree
}

/** Sorted. A folder that is not there holds nothing. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const paths = await Promise.all(
    entries.map(async entry => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
    }),
  )
  return paths.flat().sort()
}

type Server = Awaited<ReturnType<typeof startServer>>

/** Waits until the server lists a folder of its workspace as it is on the disk: changes made outside take a moment. */
async function listedAsOnDisk(server: Server, folder: string): Promise<void> {
  const opened = await server.post(`/workspace/${server.workspaceId}/files/sessions`, asClient, {})
  const { session } = fileSessionReply.parse(await opened.json())
  for (;;) {
    const onDisk = await revisionsOf(folder, server.workspace)
    const path = `/files/sessions/${session.id}/catalog/snapshot?includeDirs=false&limit=10000`
    const { items } = catalogPage.parse((await server.json(path, { headers: asClient })).body)
    if (Bun.deepEquals(Object.fromEntries(items.map(item => [item.path, item.revision])), onDisk)) return
    await Bun.sleep(20)
  }
}

async function revisionsOf(folder: string, workspace: string): Promise<Record<string, string>> {
  const revisions = await Promise.all(
    (await filesBelow(folder)).map(async path => {
      const stat = await lstat(path, { bigint: true }).catch(() => undefined) // a file the server is writing
      return [path.slice(workspace.length + 1), stat ? revisionOf(stat) : 'gone'] as const
    }),
  )
  return Object.fromEntries(revisions)
}

/** A name of a conflict copy, with the date and the host taken out. */
export const plainName = (path: string): string => path.replace(/\(conflict [^)]*\)/, '(conflict)')

export const plainTree = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).map(([path, content]) => [plainName(path), content]))

/** A server that allows every change, and a local folder beside its workspace to sync with `docs` in it. */
export async function startSync(options: Parameters<typeof startServer>[0] = {}) {
  const folder = await temporaryFolder()
  const server = await startServer({ ...options, flags: ['--approval', 'auto', ...(options.flags ?? [])] })
  const local = join(folder.path, 'local')
  await mkdir(local)
  const env = {
    OPENWORK_URL: server.url,
    OPENWORK_TOKEN: CLIENT_TOKEN,
    OPENWORK_DATA_DIR: join(folder.path, 'data'),
    HOME: folder.path,
  }
  const run = (...flags: string[]): Promise<Ran> => runCommand(['files', 'sync', local, 'docs', ...flags], env)
  return {
    server,
    local,
    remote: join(server.workspace, 'docs'),
    dataDir: env.OPENWORK_DATA_DIR,
    env,
    run,
    /** Syncs when the server knows what is there, and gives the result. */
    async sync(...flags: string[]): Promise<SyncResult> {
      await listedAsOnDisk(server, join(server.workspace, 'docs'))
      const { code, stdout, stderr } = await run('--json', ...flags)
      const result = JSON.parse(stdout) as SyncResult
      if (code !== (result.ok ? 0 : 1)) throw new Error(`exit code ${code}: ${stdout}${stderr}`)
      return result
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
