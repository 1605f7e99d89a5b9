import { expect, test } from 'bun:test'
import { type RecordedCall, readCalls, routeCoverage } from '../../scripts/test/route-coverage.ts'

const operation = (responses: Record<string, string>) => ({
  responses: Object.fromEntries(Object.entries(responses).map(([status, description]) => [status, { description }])),
})

const DOCUMENT = {
  paths: {
    '/things/{id}': {
      get: operation({ 200: 'Done', 404: 'not_found, thing_not_found' }),
      delete: operation({ 200: 'Done' }),
    },
    '/things/new': { get: operation({ 200: 'Done', 401: 'unauthorized' }) },
    '/proxy/{path}': { get: operation({ default: 'Whatever', 503: 'gone' }) },
  },
}

const call = (method: string, path: string, status: number, code?: string): RecordedCall => ({
  method,
  path,
  status,
  ...(code !== undefined && { code }),
})

const ALL = [
  call('GET', '/things/1', 200),
  call('GET', '/things/2', 404, 'not_found'),
  call('GET', '/things/2', 404, 'thing_not_found'),
  call('DELETE', '/things/1', 204),
  call('GET', '/things/new', 200),
  call('GET', '/things/new', 401, 'unauthorized'),
  call('GET', '/proxy/a/b', 206),
  call('GET', '/proxy/', 503, 'gone'),
]

test('calls that showed every success and every failure leave no gap', () => {
  expect(routeCoverage(DOCUMENT, ALL)).toEqual({ operations: 4, codes: 4, gaps: [] })
})

test('what was never seen is named; a call counts for the most literal path, and for its own method', () => {
  const { gaps } = routeCoverage(DOCUMENT, [
    call('GET', '/things/new', 200),
    call('POST', '/things/1', 200),
    call('GET', '/things/1', 404, 'not_found'),
    call('GET', '/things/1/more', 200),
    call('GET', '/proxy/x', 503, 'gone'),
  ])
  expect(gaps.sort((one, other) => one.operation.localeCompare(other.operation))).toEqual([
    { operation: 'DELETE /things/{id}', neverSucceeded: true, codes: [] },
    { operation: 'GET /proxy/{path}', neverSucceeded: true, codes: [] },
    { operation: 'GET /things/{id}', neverSucceeded: true, codes: ['thing_not_found'] },
    { operation: 'GET /things/new', neverSucceeded: false, codes: ['unauthorized'] },
  ])
})

test('a failure that nobody can provoke is not asked for where it is exempt', () => {
  const seen = ALL.filter(({ code }) => code !== 'gone' && code !== 'not_found')
  const gone = { code: 'gone', because: 'test' }
  expect(routeCoverage(DOCUMENT, seen, [gone, { code: 'not_found', operation: /id/, because: 'test' }]).gaps).toEqual(
    [],
  )
  expect(routeCoverage(DOCUMENT, seen, [gone, { code: 'not_found', operation: /new/, because: 'test' }]).gaps).toEqual([
    { operation: 'GET /things/{id}', neverSucceeded: false, codes: ['not_found'] },
  ])
})

test('a line that was torn is no call', () => {
  const [one] = ALL
  expect(readCalls(`${JSON.stringify(one)}\n{"method":"GE\n`)).toEqual(one ? [one] : [])
})
