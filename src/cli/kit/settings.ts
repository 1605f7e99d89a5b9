import type { Flag, Where } from './flags.ts'

/** What a file of the user's says about one flag. */
export type Setting = {
  /** As they would have been typed. */
  readonly texts: readonly string[]
  /** How to name it to people: the key and the file. */
  readonly label: string
  /** Where its relative paths begin. */
  readonly cwd: string
  readonly invalid: Where['invalid']
}

/** What the user's own settings say for one command. */
export type Settings = {
  /** Throws when what stands there cannot be of that flag. */
  find(key: string, flag: Flag): Setting | undefined
}
