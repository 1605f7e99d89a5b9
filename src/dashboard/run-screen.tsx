import { writeSync } from 'node:fs'
import { render } from 'ink'
import { performRequest } from './effects.ts'
import { Lines } from './lines.tsx'
import { released } from './release.ts'
import type { DashboardEnd, DashboardOptions } from './run-dashboard.ts'
import { Screen, type SuspendTerminal } from './screen.tsx'
import { type Effect, initialState, type Size } from './state.ts'
import { createStore, type Store } from './store.ts'
import { AUTOWRAP_OFF, AUTOWRAP_ON, eraseRows, RESTORE } from './terminal-codes.ts'

/** Faster than anybody reads, and slow enough for a terminal behind ssh. */
const MAX_FPS = 20

/** The dashboard as a full screen. The terminal is as before when this settles. */
export async function runScreen(options: DashboardOptions): Promise<DashboardEnd> {
  const { source, role, color, stdin, stdout } = options
  const ended = Promise.withResolvers<DashboardEnd>()
  let suspend: SuspendTerminal | undefined
  const store: Store = createStore(initialState(role, sizeOf(stdout), Date.now()), perform, ended.reject)

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'leave':
        if (effect.how === 'detached') detach()
        else ended.resolve(endOf(effect))
        return
      case 'bell':
        stdout.write('\x07')
        return
      case 'suspend':
        suspended(suspend, stdout).catch(ended.reject)
        return
      case 'redraw':
        redraw()
        return
      default:
        performRequest(effect, { ...options, write: data => stdout.write(data) }).then(
          events => events.forEach(store.send),
          ended.reject,
        )
    }
  }

  function detach(): void {
    store.send({ type: 'said', text: 'Detaching…', tone: 'plain' })
    released(options).then(failure => {
      if (failure === undefined) ended.resolve({ how: 'detached' })
      else store.send({ type: 'said', text: failure, tone: 'bad' })
    }, ended.reject)
  }

  const unwatch = watchSurroundings(options, {
    abort: () => ended.resolve({ how: 'aborted' }),
    resize: () => store.send({ type: 'size', size: sizeOf(stdout) }),
    // After a stop that nobody announced, the terminal is somebody else's: begin anew.
    resume: () => void redrawn(suspend, stdout).catch(ended.reject),
  })
  const onReady = (given: SuspendTerminal) => (suspend = given)
  let drawing = 0
  const screen = () => <Screen store={store} color={color} drawing={drawing++} onReady={onReady} />
  const ink = render(screen(), {
    stdin: stdin as NodeJS.ReadableStream,
    stdout: stdout as NodeJS.WritableStream,
    exitOnCtrlC: false,
    interactive: true, // whoever calls has seen to it; ink would take CI=1 for a machine
    alternateScreen: true,
    incrementalRendering: true,
    maxFps: MAX_FPS,
  })
  stdout.write(AUTOWRAP_OFF)
  function redraw(): void {
    stdout.write(eraseRows(sizeOf(stdout).rows))
    ink.clear() // the next frame is drawn as a whole then
    ink.rerender(screen())
  }
  const gone = ink.waitUntilExit()
  // A failure of a component: ink has taken the screen down then.
  gone.catch(ended.reject)
  let unlisten: (() => void) | undefined
  try {
    unlisten = source.listen(store.send)
    return await ended.promise
  } finally {
    unlisten?.()
    store.close()
    // Where there is no other screen to go back to, nothing of this one must be left to read. Overwritten row by row:
    // what is erased at once, some terminals (tmux) keep among what has scrolled away.
    ink.rerender(<Lines lines={[]} {...sizeOf(stdout)} />)
    await ink.waitUntilRenderFlush().catch(() => {}) // a component has failed: `ended` tells
    ink.unmount()
    await gone.catch(() => {}) // that is what `ended` was rejected with
    stdout.write(AUTOWRAP_ON)
    unwatch()
  }
}

function endOf(effect: Effect & { type: 'leave' }): DashboardEnd {
  if (effect.how !== 'ended') return { how: effect.how }
  return { how: 'ended', ...(effect.failure !== undefined && { failure: effect.failure }) }
}

type Surroundings = { abort(): void; resize(): void; resume(): void }

/** Tells what happens around the screen, until the function that it returns is called. */
function watchSurroundings({ signal, stdin, stdout }: DashboardOptions, on: Surroundings): () => void {
  // Whatever calls process.exit while the screen is there.
  const onExit = () => restore(stdin, stdout)
  signal.addEventListener('abort', on.abort)
  if (signal.aborted) on.abort()
  process.on('exit', onExit)
  if (process.platform !== 'win32') process.on('SIGCONT', on.resume)
  stdout.on('resize', on.resize)
  return () => {
    signal.removeEventListener('abort', on.abort)
    process.off('exit', onExit)
    process.off('SIGCONT', on.resume)
    stdout.off('resize', on.resize)
  }
}

const sizeOf = ({ columns, rows }: DashboardOptions['stdout']): Size => ({ columns: columns || 80, rows: rows || 24 })

let isSuspended = false

/** As a shell's job that was stopped. Goes on when it is brought back, or at once where there is no job control. */
async function suspended(suspend: SuspendTerminal | undefined, stdout: DashboardOptions['stdout']): Promise<void> {
  if (!suspend || isSuspended || process.platform === 'win32') return
  isSuspended = true
  try {
    await suspend(async () => {
      stdout.write(AUTOWRAP_ON)
      process.kill(0, 'SIGTSTP') // the whole job, launcher included
      await Bun.sleep(50) // the signal may be late by a moment; time stands still once it is there
      stdout.write(AUTOWRAP_OFF)
    })
  } finally {
    isSuspended = false
  }
}

async function redrawn(suspend: SuspendTerminal | undefined, stdout: DashboardOptions['stdout']): Promise<void> {
  if (!isSuspended) await suspend?.(async () => void stdout.write(AUTOWRAP_OFF))
}

function restore(stdin: DashboardOptions['stdin'], stdout: DashboardOptions['stdout']): void {
  const { fd } = stdout as { fd?: number }
  try {
    ;(stdin as { setRawMode?: (isRaw: boolean) => void }).setRawMode?.(false)
    if (fd !== undefined) writeSync(fd, RESTORE)
  } catch {
    // The terminal is gone.
  }
}
