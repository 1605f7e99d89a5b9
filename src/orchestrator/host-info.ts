/** What a run record says of a living host, for commands that talk to it. The file is 0600. */
export type HostInfo = {
  workspace: string
  openwork: { baseUrl: string; connectUrl: string }
  opencode: { baseUrl: string; username: string; password: string }
}

/** The info of a run record, or `undefined` when it is not one of a host that got as far as having addresses. */
export function parseHostInfo(info: unknown): HostInfo | undefined {
  if (!isObject(info) || !isObject(info.openwork) || !isObject(info.opencode)) return undefined
  const { workspace, openwork, opencode } = info
  const texts = [
    workspace,
    openwork.baseUrl,
    openwork.connectUrl,
    opencode.baseUrl,
    opencode.username,
    opencode.password,
  ]
  return texts.every(text => typeof text === 'string') ? (info as HostInfo) : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
