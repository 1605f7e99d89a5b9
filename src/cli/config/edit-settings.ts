import { mkdir, realpath } from 'node:fs/promises'
import { dirname, isAbsolute } from 'node:path'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'
import { editJsonc } from '../../shared/jsonc.ts'
import type { Context } from '../kit/context.ts'
import type { Flag, Where } from '../kit/flags.ts'
import { shown } from '../kit/usage.ts'
import { parseSettings, SECTIONS_KEY } from './parse-settings.ts'
import { readSettingsFile, settingsPath } from './settings-file.ts'

type Place = Pick<Context, 'env' | 'cwd' | 'home'>

/** @throws OpenworkError user_config_unusable when `OPENWORK_CONFIG` rules out a file */
export function requirePath(place: Place): string {
  const path = settingsPath(place)
  if (path !== undefined) return path
  throw new OpenworkError('user_config_unusable', 'OPENWORK_CONFIG=off: there is no file of settings', {
    hint: 'Unset OPENWORK_CONFIG, or name a file with it.',
  })
}

/**
 * What a file holds for what was typed.
 * @throws OpenworkError invalid_value
 */
export function settingValue(flag: Flag, name: string, words: readonly string[], place: Place): unknown {
  const where: Where = {
    cwd: place.cwd,
    get home() {
      return place.home
    },
    invalid: (expected, given, suggestion) =>
      new OpenworkError(
        'invalid_value',
        `${name}: expected ${expected}${flag.secret ? '' : `, got ${shown(given)}`}`,
        suggestion === undefined ? {} : { hint: `Did you mean ${suggestion}?` },
      ),
  }
  const [word = '', ...others] = words
  if (others.length > 0 && flag.takes !== 'list') throw where.invalid('one value', words.join(' '))
  const value = flag.read(words, where)
  if (flag.secret) return word
  if (typeof value === 'string' && isAbsolute(value) && !isAbsolute(word) && !word.startsWith('~')) return value
  return flag.schema.type === 'string' ? word : value
}

/**
 * Puts a value into the file of settings, in the section of a command if one is named, or takes it out. All else in it
 * stays as it is, comments too. Whoever reads it meanwhile sees the file of before or after. Tells whether it changed.
 *
 * @throws OpenworkError user_config_invalid, user_config_unusable
 */
export async function editSettings(
  place: Place,
  { name, command, value }: { name: string; command: string | undefined; value: unknown },
): Promise<boolean> {
  const path = requirePath(place)
  const file = await readSettingsFile(place, { mayBeMissing: value !== undefined })
  if (file) await parseSettings(file) // what is broken is for the user to mend
  const before = file?.text ?? ''
  const after =
    command === undefined
      ? await editJsonc(before, [{ path: [name], value }])
      : await editSection(before, [SECTIONS_KEY, command, name], value)
  if (after === before) return false
  await write(path, after)
  return true
}

async function editSection(text: string, keys: string[], value: unknown): Promise<string> {
  const { applyEdits, modify } = await import('jsonc-parser')
  const from = text.trim() === '' ? '{}\n' : text
  const formattingOptions = { insertSpaces: true, tabSize: 2, eol: from.includes('\r\n') ? '\r\n' : '\n' }
  return applyEdits(from, modify(from, keys, value, { formattingOptions }))
}

/** A link stays one: people keep such files elsewhere, in a repository. */
async function write(path: string, text: string): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const target = await realpath(path).catch(() => path)
    await writeFileAtomic(target, text, { mode: 0o600 })
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause
    throw new OpenworkError('user_config_unusable', `Cannot write ${path}: ${messageOf(cause)}`, {
      hint: 'See who owns it and its folder, and how much room the disk has.',
      cause,
    })
  }
}
