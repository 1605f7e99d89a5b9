import { join } from 'node:path'
import type { OpenApiDocument } from '../../src/http/openapi.ts'

const LIMIT_MS = 10_000

/** A request that a test has made, as `test/server/record-call.ts` writes it down. */
export type RecordedCall = { method: string; path: string; status: number; code?: string }

/** A documented failure that no test is asked to provoke, and why. Without `operation`: of every operation. */
export type Exemption = { code: string; operation?: RegExp; because: string }

/** `POST /tokens`, and what its calls have not shown. */
export type Gap = { operation: string; neverSucceeded: boolean; codes: string[] }

type Operation = { name: string; method: string; pattern: RegExp; literal: number; codes: string[] }

/**
 * What a document describes and no call has shown: operations that never answered with a success, and failure codes
 * that were never seen. A code is taken from what the document lists behind a status of 400 and above.
 */
export function routeCoverage(
  document: Pick<OpenApiDocument, 'paths'>,
  calls: readonly RecordedCall[],
  exemptions: readonly Exemption[] = [],
): { operations: number; codes: number; gaps: Gap[] } {
  const operations = operationsOf(document)
  const seen = new Map(operations.map(operation => [operation, { succeeded: false, codes: new Set<string>() }]))
  for (const { method, path, status, code } of calls) {
    const operation = operations.find(one => one.method === method && one.pattern.test(path))
    const its = operation && seen.get(operation)
    if (!its) continue
    if (status >= 200 && status < 300) its.succeeded = true
    else if (code !== undefined) its.codes.add(code)
  }
  let codes = 0
  const gaps = operations.flatMap((operation): Gap[] => {
    const asked = operation.codes.filter(code => !isExempt(exemptions, operation.name, code))
    codes += asked.length
    const its = seen.get(operation)
    const missing = asked.filter(code => !its?.codes.has(code))
    const neverSucceeded = !its?.succeeded
    return missing.length > 0 || neverSucceeded ? [{ operation: operation.name, neverSucceeded, codes: missing }] : []
  })
  return { operations: operations.length, codes, gaps }
}

/** Whether no test is asked to provoke `code` for the operation of this name. */
export const isExempt = (exemptions: readonly Exemption[], name: string, code: string): boolean =>
  exemptions.some(one => one.code === code && (one.operation?.test(name) ?? true))

/** The most literal first: `/pairings/claim` before `/pairings/{id}`. */
function operationsOf(document: Pick<OpenApiDocument, 'paths'>): Operation[] {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([verb, operation]): Operation => {
      const method = verb.toUpperCase()
      return {
        name: `${method} ${path}`,
        method,
        pattern: patternOf(path),
        literal: path.replaceAll(/\{\w+\}/g, '').length,
        codes: codesOf(operation.responses as Record<string, { description: string }>),
      }
    }),
  )
  return operations.sort((one, other) => other.literal - one.literal)
}

function patternOf(path: string): RegExp {
  const escaped = path.replaceAll('.', '\\.')
  return new RegExp(`^${escaped.replace(/\{path\}$/, '.*').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

const codesOf = (responses: Record<string, { description: string }>): string[] =>
  Object.entries(responses).flatMap(([status, { description }]) =>
    Number(status) >= 400 ? description.split(', ') : [],
  )

/** The calls of a record; a line that was torn by a killed process is no call. */
export function readCalls(record: string): RecordedCall[] {
  return record.split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as RecordedCall]
    } catch {
      return []
    }
  })
}

/** What a built openwork-server says of its routes. It runs for the question alone, with its settings in `folder`. */
export async function describedRoutes(executable: string, folder: string): Promise<OpenApiDocument> {
  const token = crypto.randomUUID()
  const server = Bun.spawn([executable, '--port', '0'], {
    cwd: folder,
    env: { OPENWORK_TOKEN: token, OPENWORK_SERVER_CONFIG: join(folder, 'described.json'), TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  try {
    const url = await addressIn(server.stdout)
    const response = await fetch(`${url}/openapi.json`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    return (await response.json()) as OpenApiDocument
  } finally {
    server.kill()
    await server.exited
  }
}

async function addressIn(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true })
    const [, url] = /listening on (http:\S+)/.exec(text) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`openwork-server ended before it listened: ${text}`)
}
