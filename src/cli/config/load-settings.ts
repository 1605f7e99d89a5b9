import type { Command, Program } from '../kit/define.ts'
import type { Io } from '../kit/io.ts'
import { nearest } from '../kit/nearest.ts'
import type { Settings } from '../kit/settings.ts'
import { readSettingsFile } from './settings-file.ts'

/** There is nothing that settings could say for it. */
const isUntouched = ({ flags }: Command): boolean => Object.values(flags).every(({ perCall }) => perCall)

/**
 * What the user's own settings say for a command. Where there is no such file it costs one look; and of what is in it
 * only that is judged which is for this command, so that a slip elsewhere does not hold it up.
 *
 * @throws OpenworkError user_config_invalid, user_config_unusable
 */
export async function loadSettings(
  program: Pick<Program, 'commands'>,
  command: Command,
  io: Io,
): Promise<Settings | undefined> {
  if (isUntouched(command)) return undefined
  const file = await readSettingsFile(io)
  if (!file) return undefined
  const { parseSettings, settableNames, settingsFor, unknownKey } = await import('./parse-settings.ts')
  const parsed = await parseSettings(file)
  const names = settableNames(command.flags)
  // A key that is close to one of ours, and is nobody's: to see that, all commands have to be loaded.
  const suspects = parsed.top.filter(({ name }) => !names.includes(name) && nearest(name, names) !== undefined)
  if (suspects.length > 0) {
    const { allFlagNames } = await import('./check-settings.ts')
    const known = await allFlagNames(program)
    for (const entry of suspects) if (!known.has(entry.name)) throw unknownKey(file, entry, names)
  }
  return settingsFor(parsed, command)
}
