import { listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { interruptible } from '../interruptible.ts'
import type { Context } from '../kit/context.ts'
import { onOneLine } from '../kit/one-line.ts'
import { type RenewedHost, renewHost } from './renew-host.ts'

/** Resolves to the exit code: 1 when a host could not be renewed. */
export async function renewRunning(dataDir: string, { output, redactor }: Context): Promise<number> {
  const hosts = await listLocalHosts(dataDir)
  if (hosts.length === 0)
    throw new OpenworkError('no_running_host', `No host is running with the data dir ${dataDir}`, {
      hint: 'There is nothing to renew: the next start takes what is installed.',
    })
  for (const { credentials } of hosts) if (credentials) redactor.add(credentials.hostToken)
  const renewed = await interruptible('hosts finish by themselves what they have begun', signal =>
    Promise.all(
      hosts.map(host => {
        output.note(`Renewing ${host.baseUrl} (${onOneLine(host.workspace)})`)
        return renewHost(host, VERSION, signal)
      }),
    ),
  )
  const isWell = renewed.every(({ ok }) => ok)
  output.result({ ok: isWell, hosts: renewed }, () => renewed.map(renewedText).join('\n'))
  return isWell ? 0 : 1
}

function renewedText({ url, workspace, ok, renewed, services, error }: RenewedHost): string {
  const versions = Object.entries(services).map(([name, version]) => `${name} ${version ?? '?'}`)
  const done = renewed.length > 0 ? 'renewed' : 'restarted: there was nothing newer for it'
  const state = ok ? done : `not renewed: ${onOneLine(error ?? '')}`
  return [`${url} (${onOneLine(workspace)})`, `  ${state}`, ...versions.map(line => `  ${line}`)].join('\n')
}
