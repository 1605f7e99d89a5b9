import { type Capabilities, capabilities as capabilitiesReply } from '../../api/capabilities.ts'
import { SCOPES } from '../../api/tokens.ts'
import { ok } from '../../http/route.ts'
import { VERSION } from '../../shared/version.ts'
import { route, type Services } from '../services.ts'
import type { ServerSettings } from '../settings.ts'

export const capabilities = route({
  method: 'GET',
  path: '/capabilities',
  summary: 'What this server can do',
  access: { auth: 'client' },
  reply: ok(capabilitiesReply),
  fails: [],
  handle: (_call, services) => describeCapabilities(services),
})

/** A group is announced when its routes are there: a client that believes us must not run into 404. */
const ABSENT = { read: false, write: false }

function describeCapabilities({ settings, workspaces, router, runtime }: Services): Capabilities {
  return {
    schemaVersion: 1,
    serverVersion: VERSION,
    skills: { ...ABSENT, source: 'openwork' },
    hub: {
      skills: { read: false, install: false, repo: { owner: 'different-ai', name: 'openwork-hub', ref: 'main' } },
    },
    plugins: ABSENT,
    mcp: ABSENT,
    commands: ABSENT,
    config: { read: true, write: !settings.readOnly },
    workspaces: { manage: !settings.readOnly },
    reload: { events: true, stream: true, engine: true },
    runtime: { available: runtime.isAvailable },
    approvals: { ...settings.approval, stream: true },
    files: { sessions: true, stat: true, raw: true, events: { epoch: true, wait: true, stream: true } },
    openapi: true,
    sandbox: settings.sandbox,
    ui: { toy: false },
    tokens: { scoped: true, scopes: [...SCOPES].reverse(), pairing: true, expiry: true, rotation: true },
    proxy: {
      opencode: workspaces.all.some(({ opencode }) => opencode?.baseUrl !== undefined),
      opencodeWrite: !settings.readOnly,
      opencodeRouter: router.isConfigured,
    },
    toolProviders: {
      browser: browserProvider(settings.browser),
      files: {
        injection: false,
        outbox: false,
        inboxPath: '.opencode/openwork/inbox/',
        outboxPath: '.opencode/openwork/outbox/',
        maxBytes: settings.inboxMaxBytes,
      },
    },
  }
}

function browserProvider(browser: ServerSettings['browser']): Capabilities['toolProviders']['browser'] {
  switch (browser) {
    case 'sandbox-headless':
      return { enabled: true, placement: 'in-sandbox', mode: 'headless' }
    case 'host-interactive':
      return { enabled: true, placement: 'host-machine', mode: 'interactive' }
    case 'client-interactive':
      return { enabled: true, placement: 'client-machine', mode: 'interactive' }
    case undefined:
      return { enabled: false, placement: 'external', mode: 'none' }
  }
}
