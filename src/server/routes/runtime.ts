import { runtimeVersions, upgradeRequest, upgradeStarted } from '../../api/runtime.ts'
import { accepted, ok } from '../../http/route.ts'
import { route } from '../services.ts'

export const readRuntimeVersions = route({
  method: 'GET',
  path: '/runtime/versions',
  summary: 'What runs on the host of this server, in which version, and the newest upgrade',
  access: { auth: 'client' },
  reply: ok(runtimeVersions),
  fails: ['runtime_upgrade_unavailable', 'runtime_upgrade_failed'],
  handle: (_call, { runtime }) => runtime.versions(),
})

/** Answers when it has begun; `GET /runtime/versions` tells how far it is. This server may be among what is renewed. */
export const upgradeRuntime = route({
  method: 'POST',
  path: '/runtime/upgrade',
  summary: 'Renew services of the host, one after the other',
  access: { auth: 'host' },
  body: upgradeRequest,
  bodyOptional: true,
  reply: accepted(upgradeStarted),
  fails: [
    'invalid_json',
    'invalid_payload',
    'invalid_services',
    'upgrade_in_progress',
    'runtime_upgrade_unavailable',
    'runtime_upgrade_failed',
  ],
  handle: ({ body }, { runtime }) => runtime.upgrade(body),
})
