import { expect } from 'bun:test'
import type { ModelProvider } from '../fixtures/model-provider.ts'
import { listenToEvents } from './event-log.ts'
import type { RunningHost } from './harness.ts'

/**
 * Opens a session through the proxy, asks it something, and sees the answer come word by word on the event stream.
 * `model` must be held and answer with several words, of which `firstWord` is the first.
 */
export async function expectAnswerToPrompt(
  host: RunningHost,
  model: ModelProvider,
  { firstWord, lastWord }: { firstWord: string; lastWord: string },
): Promise<void> {
  const events = await listenToEvents(host)
  const session = (await (await host.post('/opencode/session', {})).json()) as { id: string }
  const prompt = { parts: [{ type: 'text', text: 'What is the answer?' }] }
  const answer = host.post(`/opencode/session/${session.id}/message`, prompt)

  // The model has said one word and is held: a buffering proxy would show nothing now.
  await events.seen(`"delta":"${firstWord}"`)
  expect(events.text()).not.toContain(lastWord)
  model.release()
  expect(JSON.stringify(await (await answer).json())).toContain(lastWord)
  await events.seen('session.idle')
  expect(events.text()).toContain(lastWord)
  await events.close()
}
