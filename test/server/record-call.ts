import { appendFileSync } from 'node:fs'

/** Where the calls of a test run are written down, set by `scripts/test.ts`; read by `scripts/test/route-coverage.ts`. */
const RECORD = process.env.OPENWORK_TEST_CALLS

/** Notes what became of a request, with the code of a failure, when the run is asked which routes it has called. */
export async function recordCall(request: { method: string; path: string }, response: Response): Promise<void> {
  if (RECORD === undefined) return
  const { status } = response
  const code = status >= 400 ? await failureCode(response.clone()) : undefined
  const path = request.path.replace(/[?#].*/s, '')
  appendFileSync(RECORD, `${JSON.stringify({ method: request.method, path, status, code })}\n`)
}

async function failureCode(
  response: Pick<Response, 'json'> & { headers: { get(name: string): string | null } },
): Promise<string | undefined> {
  if (!response.headers.get('content-type')?.startsWith('application/json')) return undefined
  try {
    const body: unknown = await response.json()
    return typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : undefined
  } catch {
    return undefined // an answer of the program behind the server, cut short for a test
  }
}
