import { expect, test } from 'bun:test'
import { utimes } from 'node:fs/promises'
import { good, inTurn, stalled, startMirror } from '../../fixtures/mirror.ts'
import { until } from '../kit.ts'
import { CONTENT, downloadBox, downloadElsewhere, SHA256 } from './kit.ts'

const HALF = CONTENT.length / 2

test.each([2, 10])(
  '%d processes at once fetch a file once',
  async count => {
    const gate = Promise.withResolvers<void>()
    await using mirror = await startMirror({ '/file': stalled(CONTENT, HALF, gate.promise) })
    await using box = await downloadBox()
    const request = { ...box.request, urls: [mirror.url('/file')] }
    const processes = Array.from({ length: count }, () => downloadElsewhere({ request }))
    // All but one say that they wait.
    let waiting = 0
    for (const each of processes) each.says().then(said => (waiting += said === 'waiting' ? 1 : 0))
    await until(async () => waiting === count - 1)

    gate.resolve()

    const outcomes = await Promise.all(processes.map(each => each.outcome()))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ sha256: SHA256, bytes: CONTENT.length })
    expect(outcomes.filter(({ url }) => url === mirror.url('/file'))).toHaveLength(1)
    expect(mirror.requests).toHaveLength(1)
    expect(await box.files()).toEqual(['file'])
  },
  60_000,
)

test('what a process that was killed had fetched is gone on with', async () => {
  await using mirror = await startMirror({ '/file': inTurn(stalled(CONTENT, HALF), good(CONTENT)) })
  await using box = await downloadBox()
  const request = { ...box.request, urls: [mirror.url('/file')] }
  const killed = downloadElsewhere({ request })
  await until(async () => (await box.files()).includes('file.part') && (await box.part()).length === HALF)

  await killed.kill()

  await utimes(`${box.path}.lock`, 0, 0) // its holder has not renewed it for longer than holders do
  expect(await downloadElsewhere({ request }).outcome()).toMatchObject({ sha256: SHA256, bytes: CONTENT.length })
  expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, `bytes=${HALF}-`])
  expect(await box.files()).toEqual(['file'])
})
