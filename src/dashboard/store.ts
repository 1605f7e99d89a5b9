import type { DashboardEvent } from './events.ts'
import type { Effect, State } from './state.ts'
import { update } from './update.ts'

/** News of the host are shown together when they come in a flood; a key is answered at once. */
const GATHER_MS = 40
/** Counted from when it was drawn last: what changes every second costs nothing beside what changes anyway. */
const TICK_MS = 1_000

export type Store = {
  state(): State
  subscribe(listener: () => void): () => void
  /** Never throws: what goes wrong is handed to `fail`. */
  send(event: DashboardEvent): void
  close(): void
}

/** Holds the state, hands on what each event asks to be done, and lets the time pass. */
export function createStore(initial: State, perform: (effect: Effect) => void, fail: (error: unknown) => void): Store {
  let state = initial
  let gathering: ReturnType<typeof setTimeout> | undefined
  let ticking = setTimeout(draw, TICK_MS)
  const listeners = new Set<() => void>()
  let isClosed = false

  function take(event: DashboardEvent): void {
    try {
      const outcome = update(state, event)
      state = outcome.state
      for (const effect of outcome.effects) perform(effect)
    } catch (error) {
      fail(error)
    }
  }

  function draw(): void {
    clearTimeout(gathering)
    clearTimeout(ticking)
    gathering = undefined
    ticking = setTimeout(draw, TICK_MS)
    take({ type: 'tick', nowMs: Date.now() })
    for (const listener of listeners) listener()
  }

  return {
    state: () => state,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    send(event) {
      if (isClosed) return // an answer that nobody waits for any more
      if (event.type !== 'log') take({ type: 'tick', nowMs: Date.now() }) // what it begins is counted from now
      take(event)
      if (event.type === 'log' && state.view !== 'logs') return // nothing of it is to be seen
      if (event.type === 'snapshot' || event.type === 'log') gathering ??= setTimeout(draw, GATHER_MS)
      else draw()
    },
    close() {
      isClosed = true
      clearTimeout(gathering)
      clearTimeout(ticking)
      listeners.clear()
    },
  }
}
