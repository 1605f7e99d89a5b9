/** So many reloads in a row may change the same file themselves. */
const MOST_OWN = 4
/** So many reloads for the same few files, in this time, are somebody's who does not see them. */
const MOST_SAME = 30
const SAME_WITHIN_MS = 300_000
/** What was quiet for so long is taken over; for longer each time that a reload changed it again all the same. */
const QUIET_MS = [60_000, 600_000] as const
const TELL_EVERY_MS = 600_000

/** What is known of the question whether the reloads of a directory cause each other. */
export type LoopState = {
  /** How many reloads in a row changed a file themselves, as the start of a plugin may, by path. */
  readonly own: ReadonlyMap<string, number>
  /** The last reloads that came by themselves, oldest first. */
  readonly recent: readonly { readonly atMs: number; readonly paths: readonly string[] }[]
  /** Files in a loop, for which alone no reload is done. */
  readonly leftAlone: readonly string[]
  /** How those were when they were last looked at, and since when. */
  readonly quiet: { readonly version: string; readonly sinceMs: number } | undefined
  /** How often they were taken over since, in a row. */
  readonly trials: number
  /** What people were told of, and when. */
  readonly told: { readonly paths: readonly string[]; readonly atMs: number } | undefined
}

export const NO_LOOP: LoopState = {
  own: new Map(),
  recent: [],
  leftAlone: [],
  quiet: undefined,
  trials: 0,
  told: undefined,
}

/** What a look saw that matters here. */
export type Seen = {
  /** Of the files that differ from what opencode has read. */
  readonly paths: readonly string[]
  /** Those of them that were written while the last reload was done. */
  readonly own: readonly string[]
  /** Another one whenever one of the files is written to. */
  readonly version: string
}

/** Whether a reload for these files would be one more round of a loop. Undefined: it would not. */
export function inLoop(loop: LoopState, seen: Seen, nowMs: number): LoopState | undefined {
  const { paths, own, version } = seen
  const isOld = paths.every(path => loop.leftAlone.includes(path))
  const isOwn = paths.every(path => own.includes(path) && (loop.own.get(path) ?? 0) >= MOST_OWN)
  if (!isOld && !isOwn && !isSameAgain(loop.recent, paths, nowMs)) return undefined
  if (loop.quiet?.version !== version) return { ...loop, leftAlone: paths, quiet: { version, sinceMs: nowMs } }
  return nowMs < quietAtMs(loop) ? { ...loop, leftAlone: paths } : undefined
}

/** When files that are left alone have been quiet for long enough. */
export const quietAtMs = ({ quiet, trials }: LoopState): number => {
  const [first, most] = QUIET_MS
  return (quiet?.sinceMs ?? 0) + Math.min(first * 2 ** trials, most)
}

/** A reload is done for what was seen. */
export function reloadedFor(loop: LoopState, { paths, own }: Seen, nowMs: number): LoopState {
  const again = new Map(own.map(path => [path, (loop.own.get(path) ?? 0) + 1]))
  const isTrial = loop.quiet !== undefined && paths.every(path => loop.leftAlone.includes(path))
  const recent = [...loop.recent, { atMs: nowMs, paths }].slice(-MOST_SAME)
  return {
    ...loop,
    own: again,
    recent: isTrial ? [] : recent.filter(({ atMs }) => nowMs - atMs <= SAME_WITHIN_MS),
    leftAlone: [],
    trials: again.size === 0 ? 0 : loop.trials + (isTrial ? 1 : 0),
  }
}

/** Undefined: people know. */
export function toBeTold(loop: LoopState, nowMs: number): LoopState | undefined {
  const { told, leftAlone } = loop
  const isKnown = told && nowMs - told.atMs < TELL_EVERY_MS && leftAlone.every(path => told.paths.includes(path))
  return isKnown ? undefined : { ...loop, told: { paths: leftAlone, atMs: nowMs } }
}

/** Somebody who makes new files all the time is in no loop: they are others each time. */
function isSameAgain(recent: LoopState['recent'], paths: readonly string[], nowMs: number): boolean {
  if (recent.length < MOST_SAME || nowMs - (recent[0]?.atMs ?? 0) > SAME_WITHIN_MS) return false
  const known = new Set(recent.slice(0, MOST_SAME / 2).flatMap(({ paths }) => paths))
  return paths.every(path => known.has(path)) && recent.every(({ paths }) => paths.some(path => known.has(path)))
}
