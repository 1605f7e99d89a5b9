import { expect, test } from 'bun:test'
import type { OpenApiDocument } from '../../src/http/openapi.ts'
import { SERVER_ROUTES } from '../../src/server/routes/index.ts'
import { FAILURES } from '../../src/shared/errors.ts'
import { asClient, startServer } from './start-server.ts'

type Operation = {
  operationId: string
  security: Record<string, unknown>[]
  parameters: { name: string; in: string; required: boolean; schema: unknown }[]
  requestBody?: { content: { 'application/json': { schema: Record<string, unknown> } } }
  responses: Record<string, { description: string; content?: Record<string, { schema: Record<string, unknown> }> }>
}

async function documentOf(server: { call: (path: string, init?: RequestInit) => Promise<Response> }) {
  const response = await server.call('/openapi.json', { headers: asClient })
  expect(response.status).toBe(200)
  const document = (await response.json()) as OpenApiDocument
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation: operation as unknown as Operation,
    })),
  )
  return { document, operations }
}

const PROXIED = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

test('the document holds every mounted route and nothing else', async () => {
  await using server = await startServer()
  const { operations } = await documentOf(server)
  const mounted = SERVER_ROUTES.flatMap(route =>
    (route.kind === 'stream' ? PROXIED : [route.method]).map(method => `${method} ${route.path}`),
  )
  const described = operations.map(({ method, path }) =>
    `${method} ${path}`.replace(/\{path\}$/, '*').replaceAll(/\{(\w+)\}/g, ':$1'),
  )
  expect(described.sort()).toEqual(mounted.sort())
})

test('what is described answers as described to strangers, what is not described is not there', async () => {
  await using server = await startServer()
  const { operations } = await documentOf(server)
  const concrete = (path: string): string => path.replaceAll(/\{\w+\}/g, 'x')
  const known = operations.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    operation: operations.find(one => one.method === method && one.path === path)?.operation,
  }))
  for (const path of new Set(operations.map(({ path }) => concrete(path))))
    for (const method of PROXIED) {
      const matches = known.filter(one => one.method === method && one.pattern.test(path))
      const { status, body } = await server.json(path, { method })
      const code = (body as { code?: string }).code
      if (matches.length === 0) expect([method, path, status, code]).toEqual([method, path, 404, 'not_found'])
      else if (matches.every(({ operation }) => operation?.security.length))
        expect([method, path, status]).toEqual([method, path, 401])
      else expect([method, path, code]).not.toEqual([method, path, 'not_found'])
    }
})

test('every operation has a name of its own, its parameters, and the failures of its route', async () => {
  await using server = await startServer()
  const { operations } = await documentOf(server)
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
  for (const { path, method, operation } of operations) {
    const inPath = operation.parameters.filter(parameter => parameter.in === 'path').map(({ name }) => `{${name}}`)
    expect([path, inPath]).toEqual([path, path.match(/\{\w+\}/g) ?? []])
    const route = SERVER_ROUTES.find(
      route =>
        route.path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}') === path &&
        (route.kind === 'stream' || route.method === method),
    )
    for (const code of route?.fails ?? [])
      expect([path, code, operation.responses[FAILURES[code].status]?.description.split(', ')]).toEqual([
        path,
        code,
        expect.arrayContaining([code]),
      ])
  }
})

test('schemas say what is taken and answered, with every reference resolved', async () => {
  await using server = await startServer()
  const { document, operations } = await documentOf(server)
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []
  expect(new Set(references)).toEqual(new Set(['"$ref":"#/components/schemas/Failure"']))
  expect(document.components).toMatchObject({
    schemas: { Failure: { required: ['code', 'message'] } },
    securitySchemes: { hostToken: { in: 'header', name: 'X-OpenWork-Host-Token' } },
  })
  const find = (id: string) => operations.find(({ operation }) => operation.operationId === id)?.operation
  expect(find('getHealth')).toMatchObject({ security: [], parameters: [] })
  expect(find('getWorkspaceByIdAudit')).toMatchObject({
    security: [{ token: [] }, { hostToken: [] }],
    parameters: [
      { name: 'id', in: 'path', required: true },
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1 } },
    ],
    responses: {
      200: { content: { 'application/json': { schema: { properties: { items: { type: 'array' } } } } } },
      401: {
        content: {
          'application/json': { schema: { allOf: [{}, { properties: { code: { enum: ['unauthorized'] } } }] } },
        },
      },
    },
  })
  expect(find('postApprovalsById')?.requestBody?.content['application/json'].schema).toMatchObject({
    properties: { reply: { enum: ['allow', 'deny'] } },
  })
  expect(
    find('getApprovalsEvents')?.responses['200']?.content?.['text/event-stream']?.schema['x-events'],
  ).toMatchObject({
    snapshot: { required: ['items'] },
    added: { type: 'object' },
    resolved: { type: 'object' },
  })
})
