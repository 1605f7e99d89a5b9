import { GLOBAL_KEYS, KEYS_OF_VIEW, keysIn } from '../actions.ts'
import type { KeyBinding } from '../keys.ts'
import { type State, VIEWS } from '../state.ts'
import { cells, fill, type Line, span } from '../text.ts'
import { TITLES } from './header.ts'

/** All keys, out of the table that they are dispatched by. */
export function helpLines({ role }: Pick<State, 'role'>): Line[] {
  const global = keysIn('router', { role }).filter(binding => GLOBAL_KEYS.some(({ help }) => help === binding.help))
  return [
    ...section('Everywhere', global),
    ...VIEWS.flatMap(view => {
      const bindings = KEYS_OF_VIEW[view]
      return bindings.length && view !== 'help' ? section(TITLES[view], bindings) : []
    }),
  ]
}

function section(title: string, bindings: readonly KeyBinding<unknown>[]): Line[] {
  return [[span(title, { bold: true })], ...bindings.map(({ keys, help }) => helpLine(keys, help)), []]
}

/** Of the keys, as wide as the longest. */
const KEYS_WIDTH = Math.max(
  ...[GLOBAL_KEYS, ...Object.values(KEYS_OF_VIEW)].flat().map(({ keys }) => cells(keys.join(' '))),
)

const helpLine = (keys: readonly string[], help: string): Line => [
  span(`  ${fill(keys.join(' '), KEYS_WIDTH)}  `, { color: 'cyan' }),
  span(help),
]

export const helpView = (state: State, rows: number): Line[] =>
  helpLines(state).slice(state.helpTop, state.helpTop + rows)
