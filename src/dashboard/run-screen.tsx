import { writeSync } from 'node:fs'
import { render } from 'ink'
import { performRequest } from './effects.ts'
import { type Job, jobIn } from './job.ts'
import { Lines } from './lines.tsx'
import { released } from './release.ts'
import type { DashboardEnd, DashboardOptions } from './run-dashboard.ts'
import { Screen } from './screen.tsx'
import { type Effect, initialState, type Size } from './state.ts'
import { createStore, type Store } from './store.ts'
import { AUTOWRAP_OFF, AUTOWRAP_ON, eraseRows, HOME, RESTORE } from './terminal-codes.ts'

/** Faster than anybody reads, and slow enough for a terminal behind ssh. */
const MAX_FPS = 20

/** The dashboard as a full screen. The terminal is as before when this settles. */
export async function runScreen(options: DashboardOptions): Promise<DashboardEnd> {
  const { source, role, stdout } = options
  const ended = Promise.withResolvers<DashboardEnd>()
  const store = createStore(initialState(role, sizeOf(stdout), Date.now()), effect => perform(effect), ended.reject)
  const job = jobIn(stdout)
  const unwatch = watchSurroundings(options, {
    abort: () => ended.resolve({ how: 'aborted' }),
    resize: () => store.send({ type: 'size', size: sizeOf(stdout) }),
    resume: () => void job.goOn().catch(ended.reject),
  })
  const drawing = draw(store, job, options)
  drawing.failed.catch(ended.reject)
  const perform = performer(options, { store, job, drawing, ended })
  let unlisten: (() => void) | undefined
  try {
    unlisten = source.listen(store.send)
    return await ended.promise
  } finally {
    unlisten?.()
    store.close()
    await drawing.close()
    unwatch()
  }
}

type Drawing = {
  /** Rejects when a component fails: ink has taken the screen down then. */
  failed: Promise<unknown>
  /** All of the screen, whatever the terminal shows. */
  again(): void
  close(): Promise<void>
}

function draw(store: Store, job: Job, { color, stdin, stdout }: DashboardOptions): Drawing {
  let drawings = 0
  const screen = () => <Screen store={store} color={color} drawing={drawings++} onReady={job.giveWith} />
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
  const failed = ink.waitUntilExit()
  return {
    failed,
    again() {
      stdout.write(eraseRows(sizeOf(stdout).rows))
      ink.clear() // the next frame is drawn as a whole then, from where the cursor is
      stdout.write(HOME)
      ink.rerender(screen())
    },
    async close() {
      // Where there is no other screen to go back to, nothing of this one must be left to read. Overwritten row by row:
      // what is erased at once, some terminals (tmux) keep among what has scrolled away.
      ink.rerender(<Lines lines={[]} {...sizeOf(stdout)} />)
      await ink.waitUntilRenderFlush().catch(() => {}) // a component has failed: `failed` tells
      ink.unmount()
      await failed.catch(() => {})
      stdout.write(AUTOWRAP_ON)
    },
  }
}

type Parts = { store: Store; job: Job; drawing: Drawing; ended: PromiseWithResolvers<DashboardEnd> }

/** Does what the dashboard asks for. What goes wrong without being anybody's fault but ours, `ended` is rejected with. */
function performer(options: DashboardOptions, { store, job, drawing, ended }: Parts): (effect: Effect) => void {
  const { stdout } = options
  const detach = (): void => {
    store.send({ type: 'said', text: 'Detaching…', tone: 'plain' })
    released(options).then(failure => {
      if (failure === undefined) ended.resolve({ how: 'detached' })
      else store.send({ type: 'said', text: failure, tone: 'bad' })
    }, ended.reject)
  }
  return effect => {
    switch (effect.type) {
      case 'leave':
        return effect.how === 'detached' ? detach() : ended.resolve(endOf(effect))
      case 'bell':
        return void stdout.write('\x07')
      case 'suspend':
        return void job.stop().catch(ended.reject)
      case 'redraw':
        return drawing.again()
      default:
        performRequest(effect, { ...options, write: data => stdout.write(data) }).then(
          events => events.forEach(store.send),
          ended.reject,
        )
    }
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

function restore(stdin: DashboardOptions['stdin'], stdout: DashboardOptions['stdout']): void {
  const { fd } = stdout as { fd?: number }
  try {
    ;(stdin as { setRawMode?: (isRaw: boolean) => void }).setRawMode?.(false)
    if (fd !== undefined) writeSync(fd, RESTORE)
  } catch {
    // The terminal is gone.
  }
}
