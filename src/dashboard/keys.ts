import type { Key } from 'ink'
import { graphemes } from './text.ts'

/**
 * One key as the footer writes it: `q`, `R`, `^C`, `↑`, `PgDn`, `Enter`, `Esc`, `Tab`, `⇧Tab`, `Space`, `Bksp`, `Del`,
 * `Home`, `End`, or the character itself.
 */
export type KeyName = string

/** A key that was pressed; `text` is what it types into a field, where it types something. */
export type KeyPress = { name: KeyName; text?: string }

/** What a key does in a view. Dispatch, footer and help are made of these. */
export type KeyBinding<Action> = {
  keys: readonly KeyName[]
  /** For the footer, one or two words; absent: only the help tells. */
  label?: string
  /** For the help, one sentence without a full stop. */
  help: string
  action: Action
}

export const findAction = <Action>(
  bindings: readonly KeyBinding<Action>[],
  { name }: KeyPress,
): KeyBinding<Action> | undefined => bindings.find(({ keys }) => keys.includes(name))

const NAMED = [
  ['upArrow', '↑'],
  ['downArrow', '↓'],
  ['leftArrow', '←'],
  ['rightArrow', '→'],
  ['pageUp', 'PgUp'],
  ['pageDown', 'PgDn'],
  ['home', 'Home'],
  ['end', 'End'],
  ['return', 'Enter'],
  ['escape', 'Esc'],
  ['backspace', 'Bksp'],
  ['delete', 'Del'],
] as const satisfies readonly (readonly [keyof Key, KeyName])[]

/** The keys of what ink has read at once: quick typing over a slow line arrives in one piece. */
export function keyPresses(input: string, key: Key): KeyPress[] {
  const named = NAMED.find(([property]) => key[property])
  if (named) return [{ name: named[1] }]
  if (key.tab) return [{ name: key.shift ? '⇧Tab' : 'Tab' }]
  if (key.ctrl) return input ? [{ name: `^${input.toUpperCase()}` }] : []
  if (key.meta) return [] // Alt-q is not q
  return graphemes(input).flatMap(typed)
}

function typed(text: string): KeyPress[] {
  if (text === ' ') return [{ name: 'Space', text }]
  if (text === '\r' || text === '\n' || text === '\r\n') return [{ name: 'Enter' }]
  if (text === '\x7f' || text === '\b') return [{ name: 'Bksp' }]
  if (/^[\x01-\x1a]$/.test(text)) return [{ name: `^${String.fromCharCode(text.charCodeAt(0) + 64)}` }]
  return /[\x00-\x1f\x7f]/.test(text) ? [] : [{ name: text, text }]
}
