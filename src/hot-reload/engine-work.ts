import type { EngineWork } from '../api/hot-reload.ts'

export const NO_WORK: EngineWork = { sessions: [], permissions: [], questions: [], terminals: [] }

export const amountOf = ({ sessions, permissions, questions, terminals, requests = 0 }: EngineWork): number =>
  sessions.length + permissions.length + questions.length + terminals.length + requests

/** Of several directories; requests are those of a host, not of a directory. */
export const together = (works: readonly EngineWork[]): EngineWork => ({
  sessions: works.flatMap(({ sessions }) => sessions),
  permissions: works.flatMap(({ permissions }) => permissions),
  questions: works.flatMap(({ questions }) => questions),
  terminals: works.flatMap(({ terminals }) => terminals),
})
