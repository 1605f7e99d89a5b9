import { cells } from '../text.ts'
import { type LogsModel, positionOf, type Spot, sifted } from './logs-model.ts'
import { cursorPosition, textWidth, withCursorAt } from './place.ts'
import { rangesOf, searchPattern } from './search.ts'

export const spotOf = ({ isFollowing, top, cursor, left, search, onlyMatching }: LogsModel): Spot => ({
  isFollowing,
  top,
  cursor,
  left,
  search,
  onlyMatching,
})

/** With another search, as it is typed: at the match nearest to where typing began, upwards first. */
export function searched(model: LogsModel, query: string, before: Spot): LogsModel {
  const search = query ? { query, pattern: searchPattern(query) } : undefined
  const next = sifted({ ...model, ...before, search, onlyMatching: before.onlyMatching && search !== undefined })
  if (next.matches.length === 0) return next
  const origin = before.isFollowing ? next.nextId : (next.shown.at(cursorPosition(next))?.id ?? 0)
  const above = positionOf(next.matches, origin + 1) - 1
  return atMatch(next, Math.max(0, above))
}

/** At the next match below the cursor or above it; behind the last one comes the first. */
export function nextMatch(model: LogsModel, direction: 1 | -1): LogsModel {
  const { matches, isFollowing, cursor, nextId } = model
  if (matches.length === 0) return model
  const here = isFollowing ? nextId : (cursor ?? model.shown.at(cursorPosition(model))?.id ?? 0)
  const place = direction > 0 ? positionOf(matches, here + 1) : positionOf(matches, here) - 1
  return atMatch(model, (place + matches.length) % matches.length)
}

function atMatch(model: LogsModel, place: number): LogsModel {
  const line = model.matches.at(place)
  if (!line || !model.search) return model
  const moved = withCursorAt(model, positionOf(model.shown, line.id))
  const [range] = rangesOf(line, model.search.pattern)
  if (!range || moved.isWrapped) return moved
  const start = cells(line.text.slice(0, range.from))
  const end = start + cells(line.text.slice(range.from, range.to))
  const width = textWidth(moved)
  if (start >= moved.left && end <= moved.left + width) return moved
  return { ...moved, left: end <= width ? 0 : Math.max(0, start - (width >> 1)) }
}
