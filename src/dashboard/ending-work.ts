import type { EngineWork } from '../api/hot-reload.ts'
import { act, type DashboardEvent, type Outcome, say, saying, stay } from './events.ts'
import { count } from './format.ts'
import { type Effect, type State, workAt } from './state.ts'

const LEAVE: Effect = { type: 'leave', how: 'left' }
/** More than these are only counted. */
const NAMED_SESSIONS = 5

/**
 * A guest just leaves. The owner takes the host down: it is asked, as only it knows what has just begun, and so is the
 * owner when that would end work. `isAgain`: whoever cannot wait for that means yes.
 */
export function quit(state: State, { isAgain }: { isAgain: boolean }): Outcome {
  const { failure, role, snapshot } = state
  if (failure !== undefined) return act(state, { type: 'leave', how: 'ended', failure })
  const isEnding = snapshot?.health === 'stopping' || snapshot?.health === 'failed'
  if (role === 'guest' || isEnding) return act(state, LEAVE)
  if (state.connection.state === 'lost') return onNotStopped(state, state.connection.reason)
  if (state.isStopping) return isAgain ? act(state, LEAVE) : stay(state)
  return act(saying({ ...state, isStopping: true }, 'Stopping the host…'), { type: 'stop', force: false })
}

/** A guest is asked in any case: the host is somebody else's. */
export function stopHost(state: State): Outcome {
  if (state.role === 'owner') return quit(state, { isAgain: false })
  const work = workAt(state.snapshot)
  return confirm(state, 'Stop the host?', linesOf(stopping(state)), { type: 'stop', force: work.length > 0 })
}

/** It stops: its owner sees to the rest. */
export const onStopping = (state: State): Outcome =>
  state.role === 'owner' ? act(state, LEAVE) : stay(say(state, 'The host is stopping'))

/** The host neither stops nor says why: it hangs, or is gone without a trace. It is not asked while it does not answer. */
export function onNotStopped(state: State, reason: string): Outcome {
  const asked = { ...state, isStopping: false, toast: undefined }
  if (state.failure !== undefined) return stay(asked)
  if (state.role === 'guest') return stay(say(asked, reason, 'bad'))
  return confirm(asked, 'End the host all the same?', [reason, 'What is at work there would be ended.'], LEAVE)
}

/** Refused because of what is at work: that is told, and done when it is wanted all the same. */
export function onBusy(state: State, { work, effect }: DashboardEvent & { type: 'busy' }): Outcome {
  const next = { ...state, isStopping: false, toast: undefined }
  if (state.failure !== undefined) return stay(next) // it has ended meanwhile
  const wanted: Effect = effect.type === 'stop' && state.role === 'owner' ? LEAVE : { ...effect, force: true }
  return confirm(next, questionOf(effect), linesOf(ending(state, work)), wanted)
}

function questionOf(effect: (DashboardEvent & { type: 'busy' })['effect']): string {
  if (effect.type === 'stop') return 'Stop the host?'
  return effect.type === 'reload' ? 'Reload all the same?' : `Restart ${effect.service} all the same?`
}

/** What would end, for people. */
export type Ending = { head: string; items: readonly string[] }

/** What would end with the host, as far as it has been told of. */
export function stopping({ snapshot }: Pick<State, 'snapshot'>): Ending {
  const work = workAt(snapshot)
  return work.length > 0 ? endingOf(work.map(nameOf), []) : { head: 'Everything that it runs is stopped.', items: [] }
}

/** Of what was refused; sessions by their titles as far as they are known. */
export function ending({ snapshot }: Pick<State, 'snapshot'>, work: EngineWork | undefined): Ending {
  if (!work) return { head: 'opencode does not say what is at work; whatever it is would be ended.', items: [] }
  const sessions = work.sessions.map(id => {
    const known = snapshot?.sessions?.find(session => session.id === id)
    return known ? nameOf(known) : id
  })
  const others = [
    [work.permissions.length, 'permission request'],
    [work.questions.length, 'question'],
    [work.terminals.length, 'terminal'],
    [work.requests ?? 0, 'open request'],
  ] as const
  return endingOf(
    sessions,
    others.flatMap(([length, what]) => (length > 0 ? [count(length, what)] : [])),
  )
}

const nameOf = ({ title, state }: { title: string; state: string }): string =>
  `${title || 'without a title'}${state === 'idle' ? '' : ` (${state})`}`

function endingOf(sessions: readonly string[], others: readonly string[]): Ending {
  const more = sessions.length - NAMED_SESSIONS
  const what = sessions.length > 0 ? `${count(sessions.length, 'session')} at work` : 'This'
  const items = [...sessions.slice(0, NAMED_SESSIONS), ...(more > 0 ? [`${more} more`] : []), ...others]
  return { head: `${what} would be ended:`, items }
}

const linesOf = ({ head, items }: Ending): string[] => [head, ...items.map(item => `• ${item}`)]

const confirm = (state: State, title: string, text: readonly string[], effect: Effect): Outcome =>
  stay({ ...state, modal: { type: 'confirm', title, text, effect } })
