import type { DashboardEvent } from './events.ts'
import type { Effect, State } from './state.ts'
import { update } from './update.ts'

/** News of the host are shown together when they come in a flood; a key is answered at once. */
const GATHER_MS = 40

export type Store = {
  state(): State
  subscribe(listener: () => void): () => void
  /** Never throws: what goes wrong is handed to `fail`. */
  send(event: DashboardEvent): void
  close(): void
}

/** Holds the state, and hands on what each event asks to be done. */
export function createStore(initial: State, perform: (effect: Effect) => void, fail: (error: unknown) => void): Store {
  let state = initial
  let timer: ReturnType<typeof setTimeout> | undefined
  const listeners = new Set<() => void>()
  const notify = () => {
    clearTimeout(timer)
    timer = undefined
    for (const listener of listeners) listener()
  }
  return {
    state: () => state,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    send(event) {
      try {
        const outcome = update(state, event)
        state = outcome.state
        if (event.type === 'snapshot' || event.type === 'log') timer ??= setTimeout(notify, GATHER_MS)
        else notify()
        for (const effect of outcome.effects) perform(effect)
      } catch (error) {
        fail(error)
      }
    },
    close() {
      clearTimeout(timer)
      listeners.clear()
    },
  }
}
