/** What a run record says of a living host, for commands that talk to it. The file is 0600. */
export type HostInfo = {
  /** Where opencode runs. */
  workspace: string
  /** `listed`: a daemon. */
  serves: 'one' | 'listed'
  /** Where the host itself is asked, with this bearer token. */
  control: { baseUrl: string; token: string }
  /** `alternatives`: other guesses at `connectUrl`. */
  openwork: { baseUrl: string; connectUrl: string; alternatives?: readonly string[] }
  opencode: { baseUrl: string; username: string; password: string }
  /** Of a host without a terminal: JSON records, rotated. */
  logFile?: string
  /** It goes on without whoever started it. */
  isDetached?: boolean
}

/** The info of a run record, or `undefined` when it is not one of a host that got as far as having addresses. */
export function parseHostInfo(info: unknown): HostInfo | undefined {
  if (!isObject(info) || !isObject(info.openwork) || !isObject(info.opencode) || !isObject(info.control))
    return undefined
  const { workspace, serves, control, openwork, opencode } = info
  const texts = [
    workspace,
    serves,
    control.baseUrl,
    control.token,
    openwork.baseUrl,
    openwork.connectUrl,
    opencode.baseUrl,
    opencode.username,
    opencode.password,
  ]
  return texts.every(text => typeof text === 'string') ? (info as HostInfo) : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
