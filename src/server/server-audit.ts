import type { Caller } from './admission.ts'
import type { AuditNote } from './audit.ts'
import type { Services } from './services.ts'

/** The journal of what belongs to no workspace: `<data dir>/audit/_server.jsonl`. No route reads it. */
const SERVER = '_server'

/** Writes down who changed which credential. Never rejects. */
export const recordCredential = (
  { audit }: Pick<Services, 'audit'>,
  { actor }: Caller,
  action: `${'token' | 'pairing'}.${'create' | 'revoke' | 'rotate' | 'cancel' | 'claim'}`,
  { id, scope, label }: { id: string; scope?: string; label?: string | undefined },
): Promise<void> => audit.record(SERVER, actor, [noteOf(action, id, [scope, label])])

const noteOf = (action: string, target: string, details: readonly (string | undefined)[]): AuditNote => ({
  action,
  target,
  summary: [action, ...details].filter(text => text).join(' '),
})
