import { createInterface } from 'node:readline'
import type { HostSnapshot } from '../../api/host.ts'
import { performRequest, type Request } from '../effects.ts'
import { type Ending, ending, stopping } from '../ending-work.ts'
import type { DashboardEvent } from '../events.ts'
import { released } from '../release.ts'
import type { DashboardEnd, DashboardOptions } from '../run-dashboard.ts'
import type { SourceEvent } from '../source.ts'
import { workAt } from '../state.ts'
import { inert } from '../text.ts'
import { approvalText, changes, numbers, statusText } from './changes.ts'
import { type Command, helpText, parseCommand } from './commands.ts'

/** The dashboard as lines, one after the other, and commands that are typed: nothing moves, nothing is overwritten. */
export async function runPlain(options: DashboardOptions): Promise<DashboardEnd> {
  const { source, stdin, stdout, signal } = options
  const ended = Promise.withResolvers<DashboardEnd>()
  const plain = new Plain(options, ended)
  const onAbort = () => ended.resolve({ how: 'aborted' })
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  plain.say('Type "help" for what can be typed here.')
  const unlisten = source.listen(event => plain.hears(event))
  const lines = createInterface({ input: stdin, output: stdout, terminal: false })
  lines.on('line', line => void plain.typed(line).catch(ended.reject))
  lines.on('close', () => ended.resolve({ how: 'left' }))
  try {
    return await ended.promise
  } finally {
    unlisten()
    lines.close()
    stdin.pause()
    signal.removeEventListener('abort', onAbort)
  }
}

class Plain {
  private readonly options: DashboardOptions
  private readonly ended: { resolve(end: DashboardEnd): void }
  private readonly numbers = numbers()
  snapshot: HostSnapshot | undefined
  private isConnected = true
  private showsAllLogs = false
  /** What ends work, or may: it was told what, and is done when it is typed once more. */
  private confirming: { line: string; force: boolean } | undefined
  private isStopping = false

  constructor(options: DashboardOptions, ended: { resolve(end: DashboardEnd): void }) {
    this.options = options
    this.ended = ended
  }

  say(...lines: readonly string[]): void {
    for (const line of lines) this.options.stdout.write(`${line}\n`)
  }

  hears(event: SourceEvent): void {
    switch (event.type) {
      case 'snapshot': {
        const { snapshot } = event
        this.say(...changes(this.snapshot, snapshot, Date.now(), this.numbers))
        this.snapshot = snapshot
        return
      }
      case 'log': {
        const shown = event.entries.filter(({ level }) => this.showsAllLogs || level === 'warn' || level === 'error')
        this.say(...shown.map(({ service, level, text }) => `[${service}] ${level}: ${inert(text)}`))
        return
      }
      case 'connection': {
        const isConnected = event.state === 'connected'
        if (isConnected === this.isConnected) return
        this.isConnected = isConnected
        if (this.isStopping || this.isEnding) return // as was told
        this.say(isConnected ? 'Connected again' : `Connection lost: ${inert(event.reason ?? 'no answer')}`)
        return
      }
      case 'ended':
        this.ended.resolve({ how: 'ended', ...(event.failure === undefined ? {} : { failure: event.failure }) })
    }
  }

  async typed(line: string): Promise<void> {
    const command = parseCommand(line)
    if (typeof command === 'string') return this.say(command)
    if (!command) return
    const typed = `${command.name} ${command.value}`.trim()
    const confirmed = this.confirming?.line === typed ? this.confirming : undefined
    this.confirming = undefined
    await this.obey(command, typed, confirmed)
  }

  private get isEnding(): boolean {
    const { health } = this.snapshot ?? {}
    return health === 'stopping' || health === 'failed'
  }

  private async obey({ name, value }: Command, typed: string, confirmed: { force: boolean } | undefined) {
    const { snapshot } = this
    const force = confirmed?.force ?? false
    const { role } = this.options
    switch (name) {
      case 'help':
        return this.say(...helpText())
      case 'status':
        return this.say(...(snapshot ? statusText(snapshot, Date.now()) : ['The host has not told anything yet.']))
      case 'approvals': {
        const waiting = (snapshot?.approvals ?? []).map(each => approvalText(each, Date.now(), this.numbers))
        return this.say(...(waiting.length ? waiting : ['Nothing waits for an answer.']))
      }
      case 'sessions': {
        const sessions = (snapshot?.sessions ?? []).map(({ title, state, directory }) =>
          inert(`${title || 'Without a title'}: ${state}, ${directory}`),
        )
        return this.say(...(sessions.length ? sessions : ['No sessions.']))
      }
      case 'logs':
        this.showsAllLogs = !this.showsAllLogs
        return this.say(this.showsAllLogs ? 'All log lines from now on' : 'Warnings and errors only from now on')
      case 'allow':
      case 'deny': {
        const id = this.numbers.idOf(Number(value))
        if (!id) return this.say(`There is no approval ${value}.`)
        return this.ask({ type: 'reply', id, reply: name }, typed)
      }
      case 'restart':
        return this.ask({ type: 'restart', service: value, force }, typed)
      case 'reload':
        if (!snapshot) return this.say('The host has not told anything yet.')
        return this.ask({ type: 'reload', directory: snapshot.workspace, force }, typed)
      case 'pair': // not a secret for long: it is meant to be read out
        return this.ask({ type: 'pairing' }, typed)
      case 'detach':
        if (role === 'guest') return this.say('The host goes on anyway: type "quit".')
        return this.detach()
      case 'stop':
        if (role === 'owner' || confirmed) return this.stop(typed, confirmed)
        return this.confirm(typed, stopping(this), workAt(snapshot).length > 0) // it is somebody else's
      case 'quit':
        if (role === 'guest') return this.ended.resolve({ how: 'left' })
        return this.stop(typed, confirmed)
    }
  }

  private async detach(): Promise<void> {
    const failure = await released(this.options)
    if (failure === undefined) this.ended.resolve({ how: 'detached' })
    else this.say(inert(failure))
  }

  /** The owner leaves, which takes the host down: once the host has agreed to that, or else the owner. */
  private async stop(typed: string, confirmed: { force: boolean } | undefined): Promise<void> {
    if (this.options.role === 'owner' && (confirmed || this.isEnding)) this.ended.resolve({ how: 'left' })
    else await this.ask({ type: 'stop', force: confirmed?.force ?? false }, typed)
  }

  private confirm(line: string, { head, items }: Ending, force: boolean): void {
    this.confirming = { line, force }
    const what = items.length > 0 ? `${head} ${items.map(inert).join(', ')}.` : head
    this.say(`${what} Type "${inert(line)}" again to do it all the same.`)
  }

  private async ask(request: Request, typed: string): Promise<void> {
    const { stdout } = this.options
    const events = await performRequest(request, { ...this.options, write: data => stdout.write(data) })
    for (const event of events) this.tells(event, typed)
  }

  private tells(event: DashboardEvent, typed: string): void {
    if (event.type === 'said') this.say(inert(event.text))
    if (event.type === 'paired' && event.pairing) this.say(`Open on the device: ${event.pairing.url}`)
    if (event.type === 'busy') this.confirm(typed, ending(this, event.work), true)
    if (event.type === 'stopping') this.onStopping()
    if (event.type === 'not-stopped') {
      if (this.options.role === 'guest') this.say(inert(event.reason))
      else this.confirm(typed, { head: `${inert(event.reason)}. What is at work would be ended.`, items: [] }, true)
    }
  }

  private onStopping(): void {
    this.isStopping = true
    if (this.options.role === 'owner') this.ended.resolve({ how: 'left' })
    else this.say('The host is stopping')
  }
}
