import type { Flag, Flags } from './flags.ts'

/** `opencodeBin` → `opencode-bin`. */
export const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

export const flagName = (key: string): string => `--${kebab(key)}`

/** A lone dash is a word: it stands for stdin. */
export const isDashed = (arg: string): boolean => arg.startsWith('-') && arg !== '-'

/** A dashed argument without its value: what may be shown of an unknown one, whose value may be a secret. */
export const withoutValue = (arg: string): string => arg.split('=', 1)[0] ?? arg

/** A dashed argument that is a flag of the table. */
export type Match = {
  readonly key: string
  /** Kebab-case, without dashes. */
  readonly name: string
  readonly flag: Flag
  /** What stands behind the first `=`. */
  readonly text: string | undefined
  readonly negated: boolean
}

/** The flags that count in one place of the command line, found by how they are typed. */
export class FlagTable {
  readonly flags: Flags
  readonly #byName = new Map<string, { key: string; flag: Flag }>()
  readonly #byLetter = new Map<string, string>()

  constructor(flags: Flags) {
    this.flags = flags
    for (const [key, flag] of Object.entries(flags)) {
      this.#byName.set(kebab(key), { key, flag })
      if (flag.short !== undefined) this.#byLetter.set(flag.short, kebab(key))
    }
  }

  /** Without dashes. */
  names(): string[] {
    return [...this.#byName.keys()]
  }

  match(arg: string): Match | undefined {
    const [, dashes, typed, , text] = /^(--?)([^-=][^=]*)(=(.*))?$/s.exec(arg) ?? []
    if (typed === undefined) return undefined
    const name = dashes === '-' ? this.#byLetter.get(typed) : typed
    if (name === undefined) return undefined
    const known = this.#byName.get(name)
    if (known) return { ...known, name, text, negated: false }
    const positive = name.startsWith('no-') ? this.#byName.get(name.slice(3)) : undefined
    if (positive?.flag.takes !== 'nothing') return undefined
    return { ...positive, name: name.slice(3), text, negated: true }
  }

  /** Whether `next` is the value of the flag before it: whatever it looks like, unless it is a flag itself. */
  takesNext(match: Match, next: string | undefined): next is string {
    if (match.flag.takes === 'nothing' || match.text !== undefined || next === undefined) return false
    return next !== '--' && this.match(next) === undefined
  }

  /** Whether a boolean flag is on. Exact although nothing is parsed: no flag ever takes a flag as its value. */
  isOn(key: string, argv: readonly string[]): boolean {
    const end = argv.indexOf('--')
    const given = argv
      .slice(0, end === -1 ? undefined : end)
      .map(arg => this.match(arg))
      .findLast(match => match?.key === key)
    return given !== undefined && !given.negated && !/^\s*(false|0|no|off)\s*$/i.test(given.text ?? '')
  }
}
