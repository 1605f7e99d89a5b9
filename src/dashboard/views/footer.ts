import { keysIn } from '../actions.ts'
import type { State, Toast } from '../state.ts'
import { cutLine, harmless, type Line, type Style, span, widthOf } from '../text.ts'

const TONES: Record<Toast['tone'], Style> = {
  good: { color: 'green', bold: true },
  bad: { color: 'red', bold: true },
  plain: { bold: true },
}

/** The keys of the view, as many as fit; for a moment, what has just happened. */
export function footerLine(state: State): Line {
  const { toast, size } = state
  if (toast) return cutLine([span(` ${harmless(toast.text)}`, TONES[toast.tone])], size.columns)
  const hints = hintsOf(state)
  const shown: Line[] = []
  let left = size.columns
  for (const hint of hints) {
    if (widthOf(hint) > left) continue
    left -= widthOf(hint)
    shown.push(hint)
  }
  return shown.flat()
}

function hintsOf({ modal, view, role }: State): Line[] {
  if (modal?.type === 'confirm') return [hint('y', 'yes'), hint('n', 'no')]
  if (modal?.type === 'pairing') return [hint('c', 'copy link'), hint('Esc', 'close')]
  const labelled = keysIn(view, role).flatMap(({ keys, label }) => (label && keys[0] ? [hint(keys[0], label)] : []))
  // However many keys a view has, how to get help and how to leave come before them.
  const always = labelled.slice(-2)
  const ordered = [...always, ...labelled.slice(0, -2)]
  return ordered
}

const hint = (key: string, label: string): Line => [span(` ${key}`, { color: 'cyan', bold: true }), span(` ${label} `)]
