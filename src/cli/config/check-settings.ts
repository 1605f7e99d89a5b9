import { OpenworkError } from '../../shared/errors.ts'
import { type Command, loadCommand, type Program } from '../kit/define.ts'
import type { Flag } from '../kit/flags.ts'
import { nearest } from '../kit/nearest.ts'
import { kebab } from '../kit/table.ts'
import { shownName } from '../kit/usage.ts'
import { settingPlace } from '../kit/values.ts'
import {
  type Entry,
  flagOf,
  notSettable,
  type ParsedSettings,
  requireSettable,
  settableNames,
  settingOf,
  unknownKey,
} from './parse-settings.ts'

type Commands = Pick<Program, 'commands'>

export const loadAll = ({ commands }: Commands): Promise<Command[]> => Promise.all(commands.map(loadCommand))

export const allFlagNames = async (program: Commands): Promise<Set<string>> =>
  new Set((await loadAll(program)).flatMap(({ flags }) => Object.keys(flags).map(kebab)))

/** All flags that are called so, those that can be set first. */
export const flagsCalled = (commands: readonly Command[], name: string): Flag[] =>
  commands.flatMap(({ flags }) => flagOf(flags, name) ?? []).sort((a, b) => Number(a.perCall) - Number(b.perCall))

/** A value as the file has it, checked by every flag that it is for. */
export type CheckedSetting = {
  readonly name: string
  /** The path of the command whose section holds it. */
  readonly command: string | undefined
  readonly value: unknown
  readonly isSecret: boolean
}

/**
 * Everything in a file of settings, for whatever command it is, with all that is wrong with it.
 */
export async function checkSettings(
  program: Commands,
  parsed: ParsedSettings,
  from: { readonly home: string },
): Promise<{ settings: CheckedSetting[]; problems: OpenworkError[] }> {
  const commands = await loadAll(program)
  const problems: OpenworkError[] = []
  const attempt = (check: () => void): void => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      if (!problems.some(({ message }) => message === error.message)) problems.push(error)
    }
  }
  const read = (entry: Entry, flag: Flag): void => {
    const setting = settingOf(parsed.file, entry, flag)
    flag.read(setting.texts, settingPlace(setting, from))
  }
  const settings: CheckedSetting[] = []
  const add = (entry: Entry, command: string | undefined, flags: readonly Flag[]): void => {
    settings.push({
      name: entry.name,
      command,
      value: valueIn(entry),
      // What is not known is not shown either: it may be a token under a misspelt key.
      isSecret: flags.length === 0 || flags.some(({ secret }) => secret),
    })
  }
  for (const entry of parsed.top) {
    const flags = flagsCalled(commands, entry.name)
    add(entry, undefined, flags)
    attempt(() => {
      const [first] = flags
      if (!first)
        throw unknownKey(
          parsed.file,
          entry,
          commands.flatMap(({ flags }) => settableNames(flags)),
        )
      if (first.perCall) throw notSettable(parsed.file, entry.key, entry.name)
      for (const flag of flags) if (!flag.perCall) read(entry, flag)
    })
  }
  for (const section of parsed.sections) {
    const command = commands.find(({ path }) => path === section.name)
    for (const entry of section.entries) {
      const flag = command && flagOf(command.flags, entry.name)
      add(entry, section.name, flag ? [flag] : [])
      attempt(() => {
        if (!command) return
        requireSettable(parsed.file, entry, command)
        if (flag) read(entry, flag)
      })
    }
    if (!command) attempt(() => refuseSection(parsed, section, commands))
  }
  return { settings, problems }
}

function refuseSection({ file }: ParsedSettings, section: Entry, commands: readonly Command[]): never {
  const other = commands.find(({ aliases }) => aliases?.includes(section.name))
  throw unknownKey(
    file,
    section,
    other ? [] : commands.map(({ path }) => path),
    other ? `; write \`${other.path}\`` : ', for no command is called so',
  )
}

const valueIn = ({ value }: Entry): unknown =>
  value.type === 'array' ? (value.children ?? []).map(item => item.value) : (value.value as unknown)

/** @throws OpenworkError unknown_setting */
export function requireSetting(commands: readonly Command[], name: string, path: string | undefined): Flag {
  const command = commands.find(command => command.path === path)
  if (path !== undefined && !command) {
    const close = nearest(
      path,
      commands.map(({ path }) => path),
    )
    throw new OpenworkError('unknown_setting', `No command is called ${shownName(path)}`, {
      hint: close ? `Did you mean ${close}?` : 'See `openwork --help`.',
    })
  }
  const considered = command ? [command] : commands
  const [flag] = flagsCalled(considered, name)
  if (flag?.perCall)
    throw new OpenworkError('unknown_setting', `${name} is no setting: it says what one call is to do`, {
      hint: `Pass --${name} where you mean it.`,
    })
  if (flag) return flag
  const close = nearest(
    name,
    considered.flatMap(({ flags }) => settableNames(flags)),
  )
  throw new OpenworkError('unknown_setting', `${shownName(name)} is no setting${command ? ` of \`${path}\`` : ''}`, {
    hint: close ? `Did you mean ${close}?` : '`openwork help configuration` tells what can be set.',
  })
}
