import type { HostCredentials } from '../../api/host.ts'
import type { State } from '../state.ts'
import { cutStart, harmless, type Line, span } from '../text.ts'
import { FIELD_INDENT, field, longField } from './table.ts'

const DOTS = '••••••••'

/** How to reach the host; secrets as dots until they were asked for. */
export function connectionLines({ snapshot, secrets, nowMs, size }: State): Line[] {
  if (!snapshot) return []
  const { connection, approvalMode, logFile, runId } = snapshot
  const alternatives = connection.alternatives ?? []
  const reach = connection.isRemote ? 'reachable from other machines' : 'this machine only'
  return [
    [span('  CONNECT', { dim: true })],
    field('OpenWork', [span(harmless(connection.connectUrl), { bold: true }), span(`  ${reach}`, { dim: true })]),
    ...(alternatives.length ? longField('or', harmless(alternatives.join('  ')), size.columns) : []),
    field('Attach', harmless(connection.attachCommand)),
    field('opencode', harmless(connection.opencodeUrl)),
    field('Approvals', approvalMode === 'auto' ? 'automatic: every change is allowed' : 'by hand'),
    ...(secrets.state === 'shown'
      ? [
          ...shownSecrets(secrets.credentials),
          field('', [span(`hidden again in ${Math.ceil((secrets.untilMs - nowMs) / 1000)}s`, { color: 'yellow' })]),
        ]
      : [
          field('Secrets', [
            span(`${DOTS}  `),
            span(secrets.state === 'fetching' ? 'asking…' : 's shows them', { dim: true }),
          ]),
        ]),
    ...(logFile ? [field('Log file', cutStart(harmless(logFile), size.columns - FIELD_INDENT))] : []),
    field('Run', harmless(runId)),
  ]
}

const shownSecrets = (credentials: HostCredentials): Line[] => [
  field('Client', credentials.clientToken),
  ...(credentials.ownerToken ? [field('Owner', credentials.ownerToken)] : []),
  field('Host', credentials.hostToken),
  // 64 characters each: beside each other they fit nowhere.
  field('User', [span(credentials.opencodeUsername), span('  of opencode', { dim: true })]),
  field('Password', credentials.opencodePassword),
]
