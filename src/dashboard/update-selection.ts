import { bodyRows, overviewItems, placeOf, type State } from './state.ts'
import { helpLines } from './views/help.ts'

/** The selection of the view so many rows further, as far as there are some; ±Infinity are its ends. */
export function move(state: State, by: number): State {
  const { selected } = state
  switch (state.view) {
    case 'overview': {
      const keys = overviewItems(state).map(({ key }) => key)
      return { ...state, selected: { ...selected, overview: moved(keys, selected.overview, by) } }
    }
    case 'approvals': {
      const ids = (state.snapshot?.approvals ?? []).map(({ id }) => id)
      return { ...state, selected: { ...selected, approval: moved(ids, selected.approval, by) } }
    }
    case 'sessions': {
      const ids = (state.snapshot?.sessions ?? []).map(({ id }) => id)
      return { ...state, selected: { ...selected, session: moved(ids, selected.session, by) } }
    }
    case 'help':
      return { ...state, helpTop: within(state.helpTop + by, helpLines(state).length - bodyRows(state)) }
    default:
      return state
  }
}

const moved = (ids: readonly string[], selected: string | undefined, by: number): string | undefined =>
  ids[within(placeOf(ids, id => id === selected) + by, ids.length)]

const within = (place: number, length: number): number => Math.max(0, Math.min(length - 1, place))
