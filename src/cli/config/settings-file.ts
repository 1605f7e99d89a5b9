import { constants } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'
import { openPlainFile } from '../../shared/plain-file.ts'
import type { Environment, Io } from '../kit/io.ts'

/** The value of `OPENWORK_CONFIG` that means: no file. */
const NONE = 'off'
const MAX_BYTES = 1024 * 1024

type Place = { readonly env: Environment; readonly cwd: string; readonly home: string }

export type SettingsFile = {
  readonly path: string
  readonly text: string
  /** What is wrong with who may read it, so that no secret may be in it; undefined when nothing is. */
  readonly exposure: string | undefined
}

/** Where the user's settings are; undefined when `OPENWORK_CONFIG` rules them out. The folder somebody is in has no say. */
export function settingsPath({ env, cwd, home }: Place): string | undefined {
  const named = env.OPENWORK_CONFIG?.trim()
  if (named === NONE) return undefined
  if (named)
    return resolve(
      cwd,
      named.replace(/^~(?=$|[/\\])/, () => home),
    )
  const folder = process.platform === 'win32' ? env.APPDATA : env.XDG_CONFIG_HOME
  // By the XDG specification a relative path is none.
  return join(folder && isAbsolute(folder) ? folder : join(home, '.config'), 'openwork', 'config.json')
}

/**
 * The file of the user's settings; undefined when there is none. One that `OPENWORK_CONFIG` names has to be there, unless it
 * is about to be made.
 *
 * @throws OpenworkError user_config_unusable when it cannot be read, or others can write to it
 */
export async function readSettingsFile(
  io: Pick<Io, 'env' | 'cwd' | 'home'>,
  { mayBeMissing = false }: { mayBeMissing?: boolean } = {},
): Promise<SettingsFile | undefined> {
  // Whoever has no home folder has no settings in it.
  const isNowhere = !io.env.OPENWORK_CONFIG && !io.env.XDG_CONFIG_HOME && !io.env.HOME && process.platform !== 'win32'
  const path = isNowhere ? undefined : settingsPath(io)
  if (path === undefined) return undefined
  try {
    await using file = await openPlainFile(path, { flags: constants.O_RDONLY })
    const { size, mode, uid } = await file.stat()
    if (size > MAX_BYTES) throw unusable(path, `it has ${size} bytes, at most ${MAX_BYTES} are allowed`)
    refuseForeign(path, { mode, uid })
    await refuseOpenFolder(path)
    return { path, text: await file.readFile('utf8'), exposure: exposureOf(mode) }
  } catch (error) {
    const code = systemCode(error)
    if (error instanceof OpenworkError || code === undefined) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      if (mayBeMissing || !io.env.OPENWORK_CONFIG?.trim()) return undefined
      throw new OpenworkError('user_config_unusable', `OPENWORK_CONFIG names ${path}, which is not there`, {
        hint: 'Correct it, unset it, or have `openwork config set` make that file.',
        cause: error,
      })
    }
    throw unusable(path, messageOf(error), error)
  }
}

/** Whoever writes to it decides what runs in the user's name. */
function refuseForeign(path: string, { mode, uid }: { mode: number; uid: number }): void {
  const me = process.getuid?.()
  if (me === undefined) return
  // Nobody else decides for root, not even who called sudo: who may have been allowed one command only.
  if (uid !== me && uid !== 0) throw unusable(path, `it belongs to another user (${uid})`)
  if (mode & 0o002)
    throw unusable(path, 'every user of this machine can write to it', undefined, `\`chmod 600 ${path}\``)
}

/** Whoever may write to the folder can put another file in the place of this one, unless the folder is sticky as /tmp is. */
async function refuseOpenFolder(path: string): Promise<void> {
  const folder = dirname(path)
  const { mode } = await stat(folder)
  if (process.platform === 'win32' || !(mode & 0o002) || mode & 0o1000) return
  const remedy = `\`chmod o-w ${folder}\``
  throw unusable(path, 'every user of this machine can write to its folder', undefined, remedy)
}

const exposureOf = (mode: number): string | undefined =>
  process.platform !== 'win32' && mode & 0o077 ? `its mode is ${(mode & 0o777).toString(8)}` : undefined

const unusable = (path: string, why: string, cause?: unknown, remedy?: string): OpenworkError =>
  new OpenworkError('user_config_unusable', `The settings in ${path} cannot be used: ${why}`, {
    hint: remedy
      ? `Run ${remedy}, after a look at what is in it.`
      : 'Make it a readable file of your own, move it away, or set OPENWORK_CONFIG=off.',
    cause,
  })
