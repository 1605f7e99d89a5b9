import { type LineFilter, type LogLine, passes } from './log-line.ts'
import { RollingList } from './rolling-list.ts'
import { isMatch } from './search.ts'

export type Search = { query: string; pattern: RegExp }

/** Where the view is, for a search that is given up. */
export type Spot = Pick<LogsModel, 'isFollowing' | 'top' | 'cursor' | 'left' | 'search' | 'onlyMatching'>

/** A field that is typed into. */
export type LogsInput = { kind: 'search'; text: string; before: Spot } | { kind: 'export'; text: string }

/** The log view, its lines included. It never changes: every event makes another one, which shares the lines. */
export type LogsModel = {
  size: { rows: number; columns: number }
  /** All that are kept. */
  lines: RollingList<LogLine>
  bytes: number
  nextId: number
  /** Of the newest entry of the host. */
  last: { seq: number; atMs: number } | undefined
  /** Whoever has spoken, in the order of their first words. */
  services: readonly string[]
  filter: LineFilter
  search: Search | undefined
  onlyMatching: boolean
  /** Those that pass the filter, and those of them that match the search. */
  shown: RollingList<LogLine>
  matches: RollingList<LogLine>
  /** The end is in view, and stays there; `top` and `cursor` count otherwise. */
  isFollowing: boolean
  /** The first row in view: of which line, and which of its rows. */
  top: { id: number; row: number }
  cursor: number | undefined
  /** Cells that are left of the view. */
  left: number
  isWrapped: boolean
  marks: ReadonlySet<number>
  input: LogsInput | undefined
}

export const newLogs = (size: LogsModel['size'] = { rows: 20, columns: 80 }): LogsModel => ({
  size,
  lines: new RollingList(),
  bytes: 0,
  nextId: 0,
  last: undefined,
  services: [],
  filter: {},
  search: undefined,
  onlyMatching: false,
  shown: new RollingList(),
  matches: new RollingList(),
  isFollowing: true,
  top: { id: 0, row: 0 },
  cursor: undefined,
  left: 0,
  isWrapped: false,
  marks: new Set(),
  input: undefined,
})

/** Whether keys are text for a field of the view, none of them a command. */
export const isTyping = ({ input }: LogsModel): boolean => input !== undefined

/** Of some lines, those that are to be seen and those that the search finds. */
export function sift(
  { filter, search, onlyMatching }: Pick<LogsModel, 'filter' | 'search' | 'onlyMatching'>,
  lines: readonly LogLine[],
): { shown: LogLine[]; matches: LogLine[] } {
  const passing = filter.service || filter.level ? lines.filter(line => passes(line, filter)) : [...lines]
  if (!search) return { shown: passing, matches: [] }
  const matches = passing.filter(line => isMatch(line, search.pattern))
  return { shown: onlyMatching ? matches : passing, matches }
}

/** After a change of the filter or the search. */
export function sifted(model: LogsModel): LogsModel {
  const { shown, matches } = sift(model, model.lines.toArray())
  return { ...model, shown: new RollingList(shown), matches: new RollingList(matches) }
}

export const positionOf = (list: RollingList<LogLine>, id: number): number => list.firstNot(line => line.id < id)

/** The place of the current match among all, counted from 1; 0 when the cursor is elsewhere. */
export function matchPlace({ matches, cursor, isFollowing }: LogsModel): number {
  if (cursor === undefined || isFollowing) return 0
  const position = positionOf(matches, cursor)
  return matches.at(position)?.id === cursor ? position + 1 : 0
}
