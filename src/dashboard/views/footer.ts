import { keysIn } from '../actions.ts'
import { type State, type Toast, toastRows } from '../state.ts'
import { cutLine, type Line, type Style, span, widthOf } from '../text.ts'

const TONES: Record<Toast['tone'], Style> = {
  good: { color: 'green', bold: true },
  bad: { color: 'red', bold: true },
  plain: { bold: true },
}

/** The keys of the view, as many as fit; for a moment, what has just happened. A question always has its keys. */
export function footerLines(state: State): Line[] {
  const { toast, size, modal } = state
  if (!toast) return [hintsLine(state)]
  const said = toastRows(toast, size).map((row): Line => [span(` ${row}`, TONES[toast.tone])])
  return modal ? [...said, hintsLine(state)] : said
}

function hintsLine(state: State): Line {
  const { size } = state
  const { hints, pinned } = hintsOf(state)
  const kept: Line[] = []
  let left = size.columns - widthOf(pinned.flat())
  for (const each of hints) {
    left -= widthOf(each)
    if (left < 0) break
    kept.push(each)
  }
  return cutLine([...kept, ...pinned].flat(), size.columns)
}

/** `pinned`: how to leave, and where to find the rest, are there however many keys a view has. */
function hintsOf({ modal, view, role, failure }: State): { hints: Line[]; pinned: Line[] } {
  if (modal?.type === 'confirm') return { hints: [hint('y', 'yes'), hint('n', 'no')], pinned: [] }
  if (modal?.type === 'pairing') return { hints: [hint('c', 'copy link'), hint('Esc', 'close')], pinned: [] }
  const hints: Line[] = []
  const pinned: Line[] = []
  for (const { keys, label, action } of keysIn(view, { role, failure })) {
    if (!label || !keys[0]) continue
    const isPinned =
      action.type === 'quit' || action.type === 'detach' || (action.type === 'show' && action.view === 'help')
    ;(isPinned ? pinned : hints).push(hint(keys[0], label))
  }
  return { hints, pinned }
}

const hint = (key: string, label: string): Line => [span(` ${key}`, { color: 'cyan', bold: true }), span(` ${label} `)]
