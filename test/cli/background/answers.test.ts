import { expect, test } from 'bun:test'
import { failureDocumentOf, failureOf, findFailure, parseAnswers } from '../../../src/cli/background/answers.ts'
import { OpenworkError } from '../../../src/shared/errors.ts'
import { Redactor } from '../../../src/shared/redact.ts'

test('what a program in the background says why it ended is the failure of whoever waits for it', () => {
  const own = new OpenworkError('service_gave_up', 'opencode gave up', {
    hint: 'Look',
    details: { service: 'opencode' },
  })
  const document = failureDocumentOf(own, new Redactor())

  for (const text of [JSON.stringify(document, null, 2), `{"ready":true}\n${JSON.stringify(document)}\n{"half`]) {
    const end = { how: 'code 3', code: 3, failure: findFailure(parseAnswers(text)) }
    expect(failureOf(end, { prefix: 'It did not start: ', logFile: '/log' })).toMatchObject({
      code: 'service_gave_up',
      message: 'It did not start: opencode gave up',
      hint: 'Look',
      exitCode: 3,
      details: { service: 'opencode', logFile: '/log' },
    })
  }
  const silent = { how: 'SIGKILL', code: null, failure: findFailure(parseAnswers('{"ready":true}\n')) }
  expect(failureOf(silent, { logFile: '/log' })).toBeUndefined()
})
