import type { ConfigProblem, EngineWork, FileChange, HotReloadStatus, ReloadReport } from '../api/hot-reload.ts'
import { type Look, NOTHING } from './file-watch.ts'
import { isIdle } from './reload-engine.ts'
import { inLoop, type LoopState, NO_LOOP, quietAtMs, reloadedFor, type Seen, toBeTold } from './reload-loop.ts'

/** A file that is written to without a pause must not put every other change off. */
const MAX_SETTLE_MS = 30_000
const UNREACHABLE_RETRY_MS = 1_000
const FAILURE_RETRY_MS = [1_000, 60_000] as const
/** For a config that opencode refuses though nothing is found in it: starting anew again and again helps nobody. */
const REFUSED_RETRY_MS = [10_000, 3_600_000] as const

export type PolicyTimes = {
  readonly debounceMs: number
  readonly cooldownMs: number
  readonly deadlineMs: number
}

/**
 * `current` … `looping` as in `hotReloadStatus`; `queued` waits for its turn, of which there is one at a time over all
 * directories. In a turn: `probing` asks whether the work that was waited for has ended, `looking` at the files, `asking`
 * about work once more, `reloading`.
 */
export type Phase =
  | 'current'
  | 'settling'
  | 'queued'
  | 'probing'
  | 'looking'
  | 'asking'
  | 'reloading'
  | 'waiting'
  | 'blocked'
  | 'looping'

export type Extent = ReloadReport['extent']

/** Everything known about hot reload of one directory, as a value. Made by `initialState`, changed only by `step`. */
export type PolicyState = {
  readonly times: PolicyTimes
  readonly phase: Phase
  /** When `settling` ends, or `looping` unless the files change before. */
  readonly dueMs: number
  readonly settlingSinceMs: number | undefined
  /** Something was told during a turn that the turn has not seen. */
  readonly isStale: boolean
  /** Since when something is not taken up. */
  readonly pendingSinceMs: number | undefined
  /** Something was told since the last look. */
  readonly isUnseen: boolean
  readonly look: Look
  /** Files of the look that the last reload changed itself. */
  readonly own: readonly string[]
  /** When the last reload ended. */
  readonly endedMs: number | undefined
  /** What is waited for, and since when; whether people were told that it takes long. */
  readonly wait: { readonly work: EngineWork; readonly sinceMs: number; readonly isOverdue: boolean } | undefined
  /** opencode refuses the directory, and will until it is started anew. */
  readonly isStuck: boolean
  /** Restarts in a row after which opencode refused it again, and the earliest time of the next one. */
  readonly refusals: number
  readonly notBeforeMs: number
  readonly problems: readonly ConfigProblem[]
  /** Tries in a row that failed for another reason; `isUnreachable`: because opencode did not answer. */
  readonly failures: number
  readonly isUnreachable: boolean
  readonly loop: LoopState
}

export type PolicyEvent =
  /** Something that may matter has happened. */
  | { type: 'hint' }
  /** The time of `settling` may be over. */
  | { type: 'timer' }
  /** The work that is waited for may have ended. */
  | { type: 'may-be-idle' }
  | { type: 'turn' }
  /** `own`: the paths of what was written while the last reload was done. */
  | { type: 'looked'; look: Look; own: readonly string[] }
  | { type: 'worked'; work: EngineWork }
  /** Not `isComplete`: what needs opencode itself to be started anew is left. */
  | { type: 'reloaded'; isComplete: boolean }
  /** opencode refuses what it reads for the directory: `isFresh` what it has just read, otherwise what it once did. */
  | { type: 'refused'; problems: readonly ConfigProblem[]; isFresh: boolean }
  | { type: 'unreachable' }
  | { type: 'failed'; message: string }
  /** opencode was started anew, and what it reads then is accepted. */
  | { type: 'restarted' }
  /** A reload by hand has its turn; it ends with `reloaded` or `given-back`. */
  | { type: 'taken' }
  | { type: 'given-back' }

/** What people are told. */
export type Tiding =
  | { about: 'waiting'; work: EngineWork }
  | { about: 'overdue'; work: EngineWork; sinceMs: number }
  | { about: 'blocked'; problems: readonly ConfigProblem[] }
  | { about: 'mended' }
  | { about: 'looping'; changes: readonly FileChange[] }
  | { about: 'stuck' }
  | { about: 'unreachable' }
  | { about: 'failed'; message: string }

/** What a step asks for: one at most, beside what is told. */
export type Action =
  | { type: 'queue' }
  | { type: 'look' }
  /** About the directory's work, or that of all of them. */
  | { type: 'ask'; extent: Extent }
  | { type: 'reload'; extent: Extent; look: Look }

export type Step = { state: PolicyState; action: Action | undefined; tidings: readonly Tiding[] }

export const initialState = (times: PolicyTimes): PolicyState => ({
  times,
  phase: 'current',
  dueMs: 0,
  settlingSinceMs: undefined,
  isStale: false,
  pendingSinceMs: undefined,
  isUnseen: false,
  look: NOTHING,
  own: [],
  endedMs: undefined,
  wait: undefined,
  isStuck: false,
  refusals: 0,
  notBeforeMs: 0,
  problems: [],
  failures: 0,
  isUnreachable: false,
  loop: NO_LOOP,
})

const TURN: readonly Phase[] = ['probing', 'looking', 'asking', 'reloading']

export function step(state: PolicyState, event: PolicyEvent, nowMs: number): Step {
  switch (event.type) {
    case 'hint':
      return hinted(since(state, nowMs), nowMs)
    case 'timer':
      return isTimed(state) && nowMs >= state.dueMs ? queue(state) : stay(state)
    case 'may-be-idle':
      return state.phase === 'waiting' ? queue(state) : stay(state)
    case 'turn':
      if (state.phase !== 'queued') return stay(state)
      return state.wait && !state.isUnseen ? ask(state, 'probing') : look(state)
    case 'looked':
      return state.phase === 'looking' ? looked({ ...state, look: event.look, own: event.own }, nowMs) : stay(state)
    case 'worked':
      return state.phase === 'probing' || state.phase === 'asking' ? worked(state, event.work, nowMs) : stay(state)
    case 'reloaded':
      return state.phase === 'reloading' ? reloaded(state, event.isComplete, nowMs) : stay(state)
    case 'refused':
      return TURN.includes(state.phase) ? refused(state, event, nowMs) : stay(state)
    case 'unreachable':
    case 'failed':
      return TURN.includes(state.phase) ? failed(state, event, nowMs) : stay(state)
    case 'restarted':
      return restarted(state, nowMs)
    case 'taken':
      return stay({ ...state, phase: 'reloading', isStale: false, loop: NO_LOOP })
    case 'given-back':
      return settle(since(state, nowMs), nowMs)
  }
}

/** It is to be told when the time `dueMs` has come. */
export const isTimed = ({ phase }: PolicyState): boolean => phase === 'settling' || phase === 'looping'

const since = (state: PolicyState, nowMs: number): PolicyState => ({
  ...state,
  pendingSinceMs: state.pendingSinceMs ?? nowMs,
  isUnseen: true,
})

const stay = (state: PolicyState, tidings: readonly Tiding[] = []): Step => ({ state, action: undefined, tidings })

const queue = (state: PolicyState): Step => ({
  state: { ...state, phase: 'queued' },
  action: { type: 'queue' },
  tidings: [],
})

const look = (state: PolicyState, tidings: readonly Tiding[] = []): Step => ({
  state: { ...state, phase: 'looking', isStale: false, isUnseen: false },
  action: { type: 'look' },
  tidings,
})

const ask = (state: PolicyState, phase: 'probing' | 'asking'): Step => ({
  state: { ...state, phase, problems: [] },
  action: { type: 'ask', extent: extentOf(state) },
  tidings: [],
})

const extentOf = ({ isStuck, look: { needsRestart } }: PolicyState): Extent =>
  isStuck || needsRestart ? 'engine' : 'instance'

function hinted(state: PolicyState, nowMs: number): Step {
  if (TURN.includes(state.phase)) return stay({ ...state, isStale: true })
  // Settled for long enough: its turn comes, whatever happens meanwhile.
  const { settlingSinceMs = nowMs } = state
  if (state.phase === 'queued' && nowMs - settlingSinceMs >= MAX_SETTLE_MS) return stay(state)
  return settle(state, nowMs)
}

/** Waits for quiet, and for the cooldown. */
function settle(state: PolicyState, nowMs: number, atLeastMs = 0, tidings: readonly Tiding[] = []): Step {
  const settlingSinceMs = state.settlingSinceMs ?? nowMs
  const quietMs = Math.min(nowMs + state.times.debounceMs, settlingSinceMs + MAX_SETTLE_MS)
  const dueMs = Math.max(quietMs, cooledMs(state), state.notBeforeMs, nowMs + atLeastMs)
  return stay({ ...state, phase: 'settling', dueMs, settlingSinceMs, isStale: false }, tidings)
}

const cooledMs = ({ endedMs, times }: PolicyState): number => (endedMs === undefined ? 0 : endedMs + times.cooldownMs)

const isUnsettled = (state: PolicyState, nowMs: number): boolean =>
  state.isStale && nowMs - (state.settlingSinceMs ?? nowMs) < MAX_SETTLE_MS

function looked(state: PolicyState, nowMs: number): Step {
  if (isUnsettled(state, nowMs)) return settle(state, nowMs)
  const { changes, problems } = state.look
  if (problems.length > 0) return block(state, problems, nowMs)
  if (changes.length === 0 && !state.isStuck) return becomeCurrent(state, nowMs)
  const loop = state.isStuck ? undefined : inLoop(state.loop, seenIn(state), nowMs)
  return loop ? leaveAlone({ ...state, loop }, nowMs) : ask(state, 'asking')
}

function block(state: PolicyState, problems: readonly ConfigProblem[], nowMs: number): Step {
  const isNews = JSON.stringify(problems) !== JSON.stringify(state.problems)
  const told: Tiding[] = isNews ? [{ about: 'blocked', problems }] : []
  return rest({ ...state, phase: 'blocked', problems }, nowMs, told)
}

function becomeCurrent(state: PolicyState, nowMs: number): Step {
  const told: Tiding[] = state.problems.length > 0 ? [{ about: 'mended' }] : []
  const loop: LoopState = { ...state.loop, leftAlone: [], quiet: undefined }
  return rest({ ...state, phase: 'current', problems: [], pendingSinceMs: undefined, loop }, nowMs, told)
}

function leaveAlone(state: PolicyState, nowMs: number): Step {
  const { changes } = state.look
  const dueMs = Math.max(quietAtMs(state.loop), cooledMs(state), state.notBeforeMs)
  const told = toBeTold(state.loop, nowMs)
  const left: PolicyState = { ...state, phase: 'looping', dueMs, loop: told ?? state.loop, problems: [] }
  return rest(left, nowMs, told ? [{ about: 'looping', changes }] : [])
}

const seenIn = ({ look, own }: PolicyState): Seen => ({
  paths: look.changes.map(({ path }) => path),
  own,
  version: JSON.stringify([...look.writtenAtMs]),
})

/** Nothing goes on until something is told, or was told already; what was waited for before is over. */
function rest(state: PolicyState, nowMs: number, tidings: readonly Tiding[] = []): Step {
  const rested = { ...state, settlingSinceMs: undefined, wait: undefined, failures: 0, isUnreachable: false }
  if (!state.isStale) return stay(rested, tidings)
  return settle(since(rested, nowMs), nowMs, 0, tidings)
}

function worked(state: PolicyState, work: EngineWork, nowMs: number): Step {
  const answered: PolicyState = { ...state, isUnreachable: false, failures: 0 }
  if (!isIdle(work)) return wait(answered, work, nowMs)
  if (state.phase === 'probing') return look(answered)
  if (isUnsettled(state, nowMs)) return settle(answered, nowMs)
  const reloading: PolicyState = {
    ...answered,
    phase: 'reloading',
    wait: undefined,
    loop: reloadedFor(state.loop, seenIn(state), nowMs),
  }
  return { state: reloading, action: { type: 'reload', extent: extentOf(state), look: state.look }, tidings: [] }
}

function wait(state: PolicyState, work: EngineWork, nowMs: number): Step {
  const sinceMs = state.wait?.sinceMs ?? nowMs
  const isOverdue = nowMs - sinceMs >= state.times.deadlineMs
  const told: Tiding[] = []
  if (!state.wait) told.push({ about: 'waiting', work })
  if (isOverdue && !state.wait?.isOverdue) told.push({ about: 'overdue', work, sinceMs })
  const waiting: PolicyState = {
    ...state,
    wait: { work, sinceMs, isOverdue },
    settlingSinceMs: undefined,
  }
  return stay({ ...waiting, phase: 'waiting' }, told)
}

function reloaded(state: PolicyState, isComplete: boolean, nowMs: number): Step {
  const done: PolicyState = { ...state, endedMs: nowMs, isStuck: false, refusals: 0, notBeforeMs: 0, problems: [] }
  const isStale = state.isStale || !isComplete
  return rest({ ...done, phase: 'current', look: NOTHING, pendingSinceMs: undefined, isStale }, nowMs)
}

function refused(state: PolicyState, { problems, isFresh }: PolicyEvent & { type: 'refused' }, nowMs: number): Step {
  // Nothing is wrong with the files as they are: opencode holds on to what they were once.
  if (!isFresh) return look(since({ ...state, isStuck: true }, nowMs), state.isStuck ? [] : [{ about: 'stuck' }])
  // There is something wrong that we do not find. Only another change can help, and then a restart.
  const blocked: PolicyState = { ...state, isStuck: true, endedMs: nowMs }
  if (!state.isStuck) return block(blocked, problems, nowMs)
  const refusals = state.refusals + 1
  const notBeforeMs = nowMs + backOff(REFUSED_RETRY_MS, refusals)
  return block({ ...blocked, refusals, notBeforeMs }, problems, nowMs)
}

function failed(state: PolicyState, event: PolicyEvent & { type: 'unreachable' | 'failed' }, nowMs: number): Step {
  // A reload that was begun may have ended what ran.
  const endedMs = state.phase === 'reloading' ? nowMs : state.endedMs
  if (event.type === 'unreachable')
    return settle(
      { ...state, endedMs, isUnreachable: true },
      nowMs,
      UNREACHABLE_RETRY_MS,
      state.isUnreachable ? [] : [{ about: 'unreachable' }],
    )
  const failures = state.failures + 1
  const told: Tiding[] = failures === 1 ? [{ about: 'failed', message: event.message }] : []
  return settle({ ...state, endedMs, failures }, nowMs, backOff(FAILURE_RETRY_MS, failures), told)
}

const backOff = ([first, most]: readonly [number, number], times: number): number =>
  Math.min(first * 2 ** (times - 1), most)

function restarted(state: PolicyState, nowMs: number): Step {
  const fresh = since({ ...state, isStuck: false, wait: undefined }, nowMs)
  if (TURN.includes(state.phase)) return stay({ ...fresh, isStale: true })
  return state.phase === 'current' ? stay(state) : settle(fresh, nowMs)
}

/** What the wire says of a state. */
export function reloadStateOf({ phase, wait, loop }: PolicyState): HotReloadStatus['state'] {
  switch (phase) {
    case 'queued':
    case 'probing':
    case 'looking':
    case 'asking':
    case 'settling':
    case 'waiting':
      // What loops is looked at now and then; it has not changed its ways.
      if (!wait) return loop.leftAlone.length > 0 ? 'looping' : 'settling'
      return wait.isOverdue ? 'overdue' : 'waiting'
    default:
      return phase
  }
}
