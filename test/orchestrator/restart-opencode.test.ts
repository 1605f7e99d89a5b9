import { expect, test } from 'bun:test'
import { restartOpencode } from '../../src/orchestrator/restart-opencode.ts'
import { Engine } from '../daemon/instances/engine.ts'
import { watchedLog } from './watched-log.ts'

const { log } = watchedLog()

/** Restarts it, and tells what happened in which order. */
async function restarted(engine: Engine, happened: string[]): Promise<string[]> {
  const restart = async () => happened.push('restarted')
  await restartOpencode({ client: engine.client, server: engine.server, restart }, log)
  return happened
}

test('clients of opencode hear that it is restarted, and have heard it when it is', async () => {
  await using engine = new Engine()
  engine.disposeOf('/w/other')
  engine.instances.add('/w/a')
  engine.use.set('a', { listeners: 1 })
  const happened: string[] = []
  engine.onDisposeAll = () => {
    happened.push(`told of ${engine.disposed.at(-1)}`)
    // Its stream ends a moment after the answer.
    setTimeout(() => {
      happened.push('its stream ended')
      engine.use.clear()
    }, 20)
  }

  expect(await restarted(engine, happened)).toEqual(['told of /w/a', 'its stream ended', 'restarted'])
})

test('an opencode or a server that does not answer is restarted all the same', async () => {
  const engine = new Engine()
  await engine[Symbol.asyncDispose]()

  expect(await restarted(engine, [])).toEqual(['restarted'])
})
