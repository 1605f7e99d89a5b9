import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type FailureCode, OpenworkError } from '../../shared/errors.ts'
import { findOnPath, isExecutableFile } from '../../shared/find-on-path.ts'
import { homeFolder } from '../../shared/home-folder.ts'
import { asSaid } from './sidecar-source.ts'

export type ProgramRequest = {
  /** A path, when it holds a separator or starts with `.` or `~`; else a name to look for on PATH. */
  bin: string
  /** The flag or variable it was named with; undefined when nobody named it. */
  flag: string | undefined
  env: Readonly<Record<string, string | undefined>>
  /** Against which a relative path counts. */
  cwd: string
  codes: { readonly notFound: FailureCode; readonly notExecutable: FailureCode }
  /** The next step when there is no such program on PATH. */
  hint: string
  /** Whether a file is run by an interpreter, and so need not be executable itself. */
  isScript?: (path: string) => boolean
}

/**
 * A program of the user, by path or name. Resolves to its absolute path.
 *
 * @throws OpenworkError the `codes` given
 */
export async function findProgram({ bin, flag, env, cwd, codes, hint, isScript }: ProgramRequest): Promise<string> {
  if (!isPath(bin)) {
    const names = process.platform === 'win32' && !bin.endsWith('.exe') ? [`${bin}.exe`] : [bin]
    const found = await findOnPath(names, env)
    if (found !== undefined) return found
    throw new OpenworkError(codes.notFound, `There is no program ${bin} on PATH`, { hint })
  }
  const path = resolve(cwd, bin)
  const named = flag === undefined ? '' : `${asSaid(flag, bin)}: `
  const found = await stat(path).catch(() => undefined)
  if (found === undefined)
    throw new OpenworkError(codes.notFound, `${named}there is no file ${path}`, {
      hint: bin.startsWith('~') ? `Write it out: ${join(homeFolder(), bin.slice(1))}` : 'Check the path.',
    })
  if ((found.isFile() && isScript?.(path)) || (await isExecutableFile(path))) return path
  const problem = found.isFile() ? 'is not executable' : 'is not a file'
  throw new OpenworkError(codes.notExecutable, `${named}${path} ${problem}`, {
    hint: found.isFile() ? `Allow it to run: chmod +x ${path}` : 'Name the program itself, not a folder.',
  })
}

const isPath = (bin: string): boolean => bin.startsWith('.') || bin.startsWith('~') || /[/\\]/.test(bin)
