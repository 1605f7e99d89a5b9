import { stat } from 'node:fs/promises'
import { devNull } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { findProgram } from './find-program.ts'

const INTERPRETERS: Readonly<Record<string, 'bun' | 'node'>> = {
  '.ts': 'bun',
  '.js': 'node',
  '.mjs': 'node',
  '.cjs': 'node',
}

/** Whether a file is run by an interpreter, so that it need not be executable itself. */
export const isScript = (path: string): boolean => extname(path) in INTERPRETERS

/**
 * The command line that runs a program of the user, with its interpreter where it needs one.
 *
 * @throws OpenworkError `sidecar_not_found` when that is not on PATH
 */
export async function scriptCommand(
  path: string,
  { env, cwd }: { env: Readonly<Record<string, string | undefined>>; cwd: string },
): Promise<readonly [string, ...string[]]> {
  const usual = INTERPRETERS[extname(path)]
  if (usual === undefined) return [path]
  // openwork-server's npm package is written for Bun.
  const name = /[/\\]openwork-server[/\\]dist[/\\]cli\.js$/.test(path) ? 'bun' : usual
  const interpreter = await findProgram({
    bin: name,
    flag: undefined,
    env,
    cwd,
    codes: { notFound: 'sidecar_not_found', notExecutable: 'sidecar_not_executable' },
    hint: `${basename(path)} is run by ${name}: install it, or name a compiled program.`,
  })
  return name === 'bun' ? [interpreter, ...(await bunFlags(path)), path] : [interpreter, path]
}

/**
 * It runs in the workspace, whose files Bun would obey: take variables from `.env`, run what `bunfig.toml` preloads, and
 * even run another file in the place of the program, by the `paths` of `tsconfig.json` (seen with Bun 1.4.5).
 */
const bunFlags = async (path: string): Promise<string[]> => [
  '--no-env-file',
  `--config=${devNull}`,
  `--tsconfig-override=${(await ownTsconfig(path)) ?? devNull}`,
  '--no-install',
]

/** The one that is about the program: in its folder or above. */
async function ownTsconfig(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'tsconfig.json')
    if ((await stat(file).catch(() => undefined))?.isFile()) return file
    if (dirname(folder) === folder) return undefined
  }
}
