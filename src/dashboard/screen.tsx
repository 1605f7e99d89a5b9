import { Box, useApp, useInput, usePaste } from 'ink'
import { type ReactNode, useEffect, useSyncExternalStore } from 'react'
import { keyPresses } from './keys.ts'
import { ColorContext, Lines } from './lines.tsx'
import { LogsView } from './logs/logs-view.tsx'
import { bodyRows, footerRows, headerRows, isTooSmall, SMALLEST, type State } from './state.ts'
import type { Store } from './store.ts'
import { type Line, span } from './text.ts'
import { approvalsView } from './views/approvals.ts'
import { footerLines } from './views/footer.ts'
import { headerLines } from './views/header.ts'
import { helpView } from './views/help.ts'
import { modalLines } from './views/modal.ts'
import { overviewView } from './views/overview.ts'
import { routerView } from './views/router.ts'
import { sessionsView } from './views/sessions.ts'

export type SuspendTerminal = (during: () => Promise<void>) => Promise<void>

type Props = {
  store: Store
  color: boolean
  /** Another number draws what has not changed as well. */
  drawing: number
  onReady: (suspend: SuspendTerminal) => void
}

/** The whole screen, and its keyboard. */
export function Screen({ store, color, drawing, onReady }: Props): ReactNode {
  const state = useSyncExternalStore(store.subscribe, store.state)
  const { suspendTerminal } = useApp()
  useEffect(() => onReady(during => suspendTerminal(during)), [onReady, suspendTerminal])
  useInput((input, key) => {
    for (const press of keyPresses(input, key)) store.send({ type: 'key', press })
  })
  usePaste(text => store.send({ type: 'pasted', text }))
  return (
    <ColorContext value={color}>
      <Frame key={drawing} state={state} />
    </ColorContext>
  )
}

/** What a state looks like, exactly as large as the terminal. */
export function Frame({ state }: { state: State }): ReactNode {
  const { columns, rows } = state.size
  if (isTooSmall(state.size)) {
    const text = `Make the window larger (${SMALLEST.columns}×${SMALLEST.rows})`
    return <Lines lines={[[span(text)]]} rows={1} columns={columns} />
  }
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Lines lines={headerLines(state)} rows={headerRows(state)} columns={columns} />
      <Body state={state} rows={bodyRows(state)} />
      <Lines lines={footerLines(state)} rows={footerRows(state)} columns={columns} />
    </Box>
  )
}

function Body({ state, rows }: { state: State; rows: number }): ReactNode {
  const { modal, view, size } = state
  if (modal) return <Lines lines={modalLines(modal, state, rows)} rows={rows} columns={size.columns} />
  if (view === 'logs') return <LogsView model={state.logs} />
  return <Lines lines={VIEW_LINES[view](state, rows)} rows={rows} columns={size.columns} />
}

const VIEW_LINES: Record<Exclude<State['view'], 'logs'>, (state: State, rows: number) => Line[]> = {
  overview: overviewView,
  approvals: approvalsView,
  sessions: sessionsView,
  router: routerView,
  help: helpView,
}
