import { ORCHESTRATOR } from '../shared/orchestrator-name.ts'
import { type Action, keysIn } from './actions.ts'
import { quit, stopHost } from './ending-work.ts'
import { act, type Outcome, say, saying, stay } from './events.ts'
import { findAction, type KeyPress } from './keys.ts'
import { isTyping } from './logs/logs-model.ts'
import { type LogsEvent, updateLogs } from './logs/update-logs.ts'
import { bodyRows, type Effect, placeOf, type State, selectedItem, VIEWS, type View } from './state.ts'
import { harmless } from './text.ts'
import { move } from './update-selection.ts'

/** Keys go to what lies on top: a question, a field that is typed into, then the view. */
export function onKey(state: State, press: KeyPress): Outcome {
  if (press.name === '^L') return perform(state, { type: 'redraw' })
  if (state.modal) return onModalKey(state, press)
  if (press.name !== '^C' && press.name !== '^Z' && isTypingInLogs(state))
    return toLogs(state, { type: 'typed', press })
  const binding = findAction(keysIn(state.view, state), press)
  return binding ? perform(state, binding.action) : stay(state)
}

/** Pasted text is never a command. */
export const onPaste = (state: State, text: string): Outcome =>
  isTypingInLogs(state) ? toLogs(state, { type: 'pasted', text: harmless(text) }) : stay(state)

const isTypingInLogs = ({ view, logs, modal }: State): boolean => !modal && view === 'logs' && isTyping(logs)

function onModalKey(state: State, { name }: KeyPress): Outcome {
  const { modal } = state
  const closed = { ...state, modal: undefined }
  if (name === '^Z') return act(state, { type: 'suspend' })
  if (modal?.type === 'pairing') {
    if (name === '^C') return quit(closed, { isAgain: true })
    if (name === 'c' && modal.pairing)
      return act(state, { type: 'copy', text: modal.pairing.url, what: 'Pairing link' })
    return ['Esc', 'q', 'p', 'Enter'].includes(name) ? stay(closed) : stay(state)
  }
  if (modal?.type !== 'confirm') return stay(closed)
  if (name === 'y') {
    const { effect } = modal
    return act(begun(closed, effect), effect)
  }
  // Who presses it twice wants out, whatever the question was.
  if (name === '^C') return modal.effect.type === 'leave' ? act(closed, modal.effect) : quit(closed, { isAgain: true })
  return ['n', 'Esc', 'q', 'Enter'].includes(name) ? stay(closed) : stay(state)
}

function perform(state: State, action: Action): Outcome {
  switch (action.type) {
    case 'show':
      return stay(show(state, action.view))
    case 'turn':
      return stay(
        show(state, VIEWS[(VIEWS.indexOf(state.view) + action.by + VIEWS.length) % VIEWS.length] ?? 'overview'),
      )
    case 'quit':
      return quit(state, { isAgain: false })
    case 'interrupt':
      return quit(state, { isAgain: true })
    case 'detach':
      return act(state, { type: 'leave', how: 'detached' })
    case 'stop-host':
      return stopHost(state)
    case 'suspend': // whoever types in the shell then need not be who has asked for them
      return act({ ...state, secrets: { state: 'hidden' } }, { type: 'suspend' })
    case 'copy-attach':
      return copyAttach(state)
    case 'redraw':
      return act(state, { type: 'redraw' })
    case 'toggle-bell':
      return stay(say({ ...state, rings: !state.rings }, state.rings ? 'Bell off' : 'Bell on'))
    case 'move':
      return stay(move(state, action.by))
    case 'page':
      return stay(move(state, action.by * Math.max(1, bodyRows(state) - 2)))
    case 'logs':
      return toLogs(state, { type: 'action', action: action.action, nowMs: state.nowMs })
    case 'pair':
      return pair(state)
    case 'secrets':
      if (state.secrets.state !== 'hidden') return stay({ ...state, secrets: { state: 'hidden' } })
      return act({ ...state, secrets: { state: 'fetching' } }, { type: 'credentials' })
    case 'restart':
      return restart(state)
    case 'reload':
      return reload(state)
    case 'answer':
      return answer(state, action.reply)
  }
}

/** Secrets are seen where they were asked for, and nowhere else. */
const show = (state: State, view: View): State => ({
  ...state,
  view,
  ...(view === state.view ? {} : { secrets: { state: 'hidden' }, helpTop: 0 }),
})

function toLogs(state: State, event: LogsEvent): Outcome {
  const { model, effect } = updateLogs(state.logs, event)
  const next = { ...state, logs: model }
  if (!effect) return stay(next)
  return effect.type === 'say' ? stay(say(next, effect.text)) : act(next, effect)
}

function pair(state: State): Outcome {
  const isRemote = state.snapshot?.connection.isRemote ?? false
  return act({ ...state, modal: { type: 'pairing', pairing: undefined, isRemote } }, { type: 'pairing' })
}

function copyAttach(state: State): Outcome {
  const command = state.snapshot?.connection.attachCommand
  if (!command) return stay(say(state, 'Nothing to attach to yet'))
  return act(state, { type: 'copy', text: command, what: 'Attach command' })
}

function restart(state: State): Outcome {
  const item = selectedItem(state)
  if (item?.type !== 'service') return stay(say(state, 'Select a service first: ↑ and ↓'))
  const { name } = item.service
  if (name === ORCHESTRATOR) return stay(say(state, 'This is the host itself: quit, and start it again', 'bad'))
  const effect: Effect = { type: 'restart', service: name, force: false }
  return act(begun(state, effect), effect)
}

function reload(state: State): Outcome {
  const item = selectedItem(state)
  const { snapshot } = state
  const directory =
    item?.type === 'workspace'
      ? item.workspace.path
      : (snapshot?.workspaces.find(({ isActive }) => isActive)?.path ?? snapshot?.workspace)
  if (!directory) return stay(say(state, 'Nothing to reload yet'))
  const effect: Effect = { type: 'reload', directory, force: false }
  return act(begun(state, effect), effect)
}

/** What takes long is told of until its outcome is. */
function begun(state: State, effect: Effect): State {
  if (effect.type === 'restart') return saying(state, `Restarting ${effect.service}…`)
  return effect.type === 'reload' ? saying(state, 'Reloading…') : state
}

function answer(state: State, reply: 'allow' | 'deny'): Outcome {
  const approvals = state.snapshot?.approvals ?? []
  const chosen = approvals[placeOf(approvals, ({ id }) => id === state.selected.approval)]
  if (!chosen) return stay(say(state, 'Nothing waits for an answer'))
  if (state.answering.has(chosen.id)) return stay(state)
  if (state.nowMs < state.answersFromMs) return stay(say(state, 'This request has just come up: look at it first'))
  // What was below is selected next, so that the same key answers one after the other. The last one stays until it is
  // gone: what takes its place then is new to whoever presses the key again.
  const below = approvals[approvals.indexOf(chosen) + 1] ?? chosen
  const selected = { ...state.selected, approval: below.id }
  const answering = new Set(state.answering).add(chosen.id)
  return act({ ...state, selected, answering }, { type: 'reply', id: chosen.id, reply })
}
