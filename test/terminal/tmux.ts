import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'

/** Whether tests in a real terminal can run here; says why not, once, where not. */
export const hasTmux: boolean = (() => {
  const found = spawnSync('tmux', ['-V'], { timeout: 10_000 }).status === 0
  if (!found) console.warn('No tmux here: tests in a real terminal are left out')
  return found
})()

const LIMIT_MS = 20_000
const POLL_MS = 40

export type TmuxOptions = {
  columns?: number
  rows?: number
  cwd?: string
  env?: Record<string, string>
  /** Settings of the server, as `set -g` takes them. */
  settings?: Record<string, string>
}

/** A command in a terminal of its own, with a server of its own: nobody else's tmux is touched. */
export class Tmux implements AsyncDisposable {
  private readonly socket = `openwork-test-${randomUUID().slice(0, 8)}`

  /** The terminal stays when the command ends, so that its last words can be read. */
  static start(argv: readonly string[], options: TmuxOptions = {}): Tmux {
    const terminal = new Tmux()
    const { columns = 80, rows = 24, cwd, env = {}, settings = {} } = options
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const folder = cwd ? ['-c', cwd] : []
    const size = ['-x', String(columns), '-y', String(rows)]
    const set = Object.entries({ 'remain-on-exit': 'on', status: 'off', 'escape-time': '10', ...settings })
    terminal.run(
      ...['-f', '/dev/null', ...set.flatMap(([name, value]) => ['set', '-g', name, value, ';'])],
      ...['new-session', '-d', ...size, ...folder, ...variables, '--', ...argv],
    )
    return terminal
  }

  /** Named keys as tmux has them (`Enter`, `C-c`, `PPage`), or text. */
  keys(...keys: readonly string[]): void {
    this.run('send-keys', ...keys)
  }

  /** Text as typed, whatever tmux would take it for. */
  types(text: string): void {
    this.run('send-keys', '-l', text)
  }

  /** As a terminal pastes: in brackets, where the program has asked for them. */
  pastes(text: string): void {
    this.run('set-buffer', text)
    this.run('paste-buffer', '-p')
  }

  resize(columns: number, rows: number): void {
    this.run('resize-window', '-x', String(columns), '-y', String(rows))
  }

  screen(): string {
    return this.run('capture-pane', '-p')
  }

  /** With escape sequences for colours. */
  styled(): string {
    return this.run('capture-pane', '-e', '-p')
  }

  /** What has scrolled away, and the screen. */
  everything(): string {
    return this.run('capture-pane', '-p', '-S', '-')
  }

  /** A variable of tmux' formats: `cursor_flag`, `alternate_on`, `pane_dead`, `pane_tty`, `pane_pid`. */
  value(name: string): string {
    return this.run('display-message', '-p', `#{${name}}`).trim()
  }

  /** The first screen that is as it should be. */
  async shows(wanted: string | RegExp | ((screen: string) => boolean), limitMs = LIMIT_MS): Promise<string> {
    const isWanted =
      typeof wanted === 'function'
        ? wanted
        : (screen: string) => (typeof wanted === 'string' ? screen.includes(wanted) : wanted.test(screen))
    const endMs = performance.now() + limitMs
    for (;;) {
      const screen = this.screen()
      if (isWanted(screen)) return screen
      if (performance.now() > endMs) throw new Error(`The terminal never showed ${wanted}, but last:\n${screen}`)
      await Bun.sleep(POLL_MS)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    spawnSync('tmux', ['-L', this.socket, 'kill-server'], { timeout: 10_000 })
  }

  private run(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('tmux', ['-L', this.socket, ...args], {
      encoding: 'utf8',
      timeout: 10_000,
      // Its server gives them on to what it starts: a person's terminal is not one of a CI.
      env: { ...process.env, TERM: 'xterm-256color', TMUX: undefined, CI: undefined },
    })
    if (status !== 0) throw new Error(`tmux ${args[0]} ended with ${status}: ${stderr}`)
    return stdout
  }
}
