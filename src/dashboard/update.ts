import type { HostSnapshot } from '../api/host.ts'
import { onBusy, onNotStopped, onStopping } from './ending-work.ts'
import { act, type DashboardEvent, type Outcome, SECRETS_SHOWN_MS, say, stay } from './events.ts'
import { count } from './format.ts'
import { updateLogs } from './logs/update-logs.ts'
import { bodyRows, type Size, type State } from './state.ts'
import { onKey, onPaste } from './update-keys.ts'

const SETTLE_MS = 1_500

/** What an event makes of the dashboard, and what has to be done then. Pure. */
export function update(state: State, event: DashboardEvent): Outcome {
  const outcome = step(state, event)
  // A view has its height from the rest of the screen: a banner that comes takes a row of it.
  const size = { rows: bodyRows(outcome.state), columns: outcome.state.size.columns }
  const { logs } = outcome.state
  if (logs.size.rows === size.rows && logs.size.columns === size.columns) return outcome
  return { ...outcome, state: { ...outcome.state, logs: updateLogs(logs, { type: 'size', ...size }).model } }
}

function step(state: State, event: DashboardEvent): Outcome {
  switch (event.type) {
    case 'snapshot':
      return onSnapshot(state, event.snapshot)
    case 'log':
      return stay({ ...state, logs: updateLogs(state.logs, { ...event, type: 'entries' }).model })
    case 'connection':
      return stay(onConnection(state, event))
    case 'ended':
      return onEnded(state, event.failure)
    case 'key':
      return onKey(state, event.press)
    case 'pasted':
      return onPaste(state, event.text)
    case 'size':
      return onSize(state, event.size)
    case 'tick':
      return stay(onTick(state, event.nowMs))
    case 'said':
      return stay(say(state, event.text, event.tone))
    case 'credentials':
      return stay(onCredentials(state, event))
    case 'paired':
      if (state.modal?.type !== 'pairing') return stay(state) // closed meanwhile
      return stay({ ...state, modal: event.pairing && { ...state.modal, pairing: event.pairing } })
    case 'answered': {
      const answering = new Set(state.answering)
      answering.delete(event.id)
      return stay({ ...state, answering })
    }
    case 'busy':
      return onBusy(state, event)
    case 'stopping':
      return onStopping(state)
    case 'not-stopped':
      return onNotStopped(state, event.reason)
  }
}

function onSnapshot(state: State, snapshot: HostSnapshot): Outcome {
  const known = new Set(state.snapshot?.approvals?.map(({ id }) => id))
  const fresh = (snapshot.approvals ?? []).filter(({ id }) => !known.has(id))
  const next: State = { ...state, snapshot, ...approvalSelected(state, snapshot) }
  if (fresh.length === 0) return stay(next)
  const told = state.view === 'approvals' ? next : say(next, `${count(fresh.length, 'request')} to approve: press a`)
  return state.rings ? act(told, { type: 'bell' }) : stay(told)
}

/**
 * A request stays selected while it waits. Whoever is about to press a key must not answer with it what has just come to
 * the place that the key is for.
 */
function approvalSelected({ selected, nowMs }: State, { approvals }: HostSnapshot): Partial<State> {
  if (!approvals || approvals.some(({ id }) => id === selected.approval)) return {}
  return {
    selected: { ...selected, approval: approvals[0]?.id },
    ...(approvals.length > 0 && { answersFromMs: nowMs + SETTLE_MS }),
  }
}

/** A host that ended by itself is left to be read about. */
function onEnded(state: State, failure: string | undefined): Outcome {
  if (failure === undefined || !state.snapshot) return act(state, { type: 'leave', how: 'ended', failure })
  return stay({
    ...state,
    failure,
    snapshot: ended(state.snapshot),
    connection: { state: 'connected' }, // not lost: nobody tries any more
    modal: undefined,
    toast: undefined,
    secrets: { state: 'hidden' },
    answering: new Set(),
  })
}

/** Nothing of it runs any more; what gave up is what it ended of. */
const ended = (snapshot: HostSnapshot): HostSnapshot => ({
  ...snapshot,
  health: 'failed',
  services: snapshot.services.map(service => ({
    ...service,
    state: service.state === 'gave-up' ? 'gave-up' : 'exited',
    pid: undefined,
    usage: undefined,
  })),
  approvals: [],
  reloads: [],
})

function onConnection(state: State, event: DashboardEvent & { type: 'connection' }): State {
  if (event.state === 'connected') return { ...state, connection: { state: 'connected' } }
  const sinceMs = state.connection.state === 'lost' ? state.connection.sinceMs : (event.sinceMs ?? state.nowMs)
  return { ...state, connection: { state: 'lost', reason: event.reason ?? 'the host does not answer', sinceMs } }
}

/** A terminal without another screen lets go of rows that a smaller window has no room for: no secret is to be in them. */
function onSize(state: State, size: Size): Outcome {
  const isSmaller = size.rows < state.size.rows || size.columns < state.size.columns
  if (!isSmaller || state.secrets.state === 'hidden') return stay({ ...state, size })
  return act({ ...state, size, secrets: { state: 'hidden' } }, { type: 'redraw' })
}

function onTick(state: State, nowMs: number): State {
  const { toast, secrets, modal } = state
  const isToastOver = toast !== undefined && nowMs >= toast.untilMs
  const areSecretsOver = secrets.state === 'shown' && nowMs >= secrets.untilMs
  const isCodeOver = modal?.type === 'pairing' && modal.pairing !== undefined && nowMs >= modal.pairing.expiresAt
  return {
    ...state,
    nowMs,
    ...(isToastOver ? { toast: undefined } : {}),
    ...(areSecretsOver ? { secrets: { state: 'hidden' } } : {}),
    ...(isCodeOver ? { modal: undefined } : {}),
  }
}

function onCredentials(state: State, { credentials }: DashboardEvent & { type: 'credentials' }): State {
  // Hidden again before they arrived: they are not kept.
  if (state.secrets.state !== 'fetching') return state
  if (!credentials) return { ...state, secrets: { state: 'hidden' } }
  return { ...state, secrets: { state: 'shown', credentials, untilMs: state.nowMs + SECRETS_SHOWN_MS } }
}
