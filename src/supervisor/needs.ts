import type { Need, ServiceSpec } from './service.ts'
import type { Machine } from './state-machine.ts'

/** Part of file names, markers and log records. */
const SERVICE_NAME = /^[A-Za-z0-9][\w.-]*$/

/**
 * That services can be started in some order at all.
 *
 * @throws Error naming the services for a bad or double name, an unknown need, or needs that go round in a circle:
 * specs are made by our own code, so that is a bug of ours
 */
export function verifyNeeds(specs: readonly ServiceSpec[]): void {
  const byName = new Map<string, ServiceSpec>()
  for (const spec of specs) {
    if (!SERVICE_NAME.test(spec.name)) throw new Error(`Not a service name: ${JSON.stringify(spec.name)}`)
    if (byName.has(spec.name)) throw new Error(`Two services are named ${spec.name}`)
    byName.set(spec.name, spec)
  }
  const verified = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    const spec = byName.get(name)
    if (!spec) throw new Error(`${path.at(-1)} needs ${name}, which is not a service of this run`)
    if (path.includes(name)) throw new Error(`Services need each other: ${[...path, name].join(' → ')}`)
    if (verified.has(name)) return
    for (const need of spec.needs) visit(need.service, [...path, name])
    verified.add(name)
  }
  for (const name of byName.keys()) visit(name, [])
}

/** Where a need stands: a later event may meet one that is `open`, none a `failed` one. */
export function standOf({ reached }: Need, { state, run }: Machine): 'met' | 'open' | 'failed' {
  if (reached === 'waiting' || (reached === 'starting' ? run > 0 : state === 'ready')) return 'met'
  return state === 'gave-up' || state === 'exited' ? 'failed' : 'open'
}
