import { expect, test } from 'bun:test'
import { Notices } from '../../src/orchestrator/notices.ts'
import { watchedLog } from './watched-log.ts'

test('keeps what is warned of meanwhile, once and in words, and nothing else', async () => {
  const { log } = watchedLog()
  const notices = new Notices()
  log.warn('before')
  const failed = notices.during(log, async () => {
    log.info('on its way')
    log.warn('port 8787 is in use, taking 8788 instead', { hint: 'pass --openwork-port to choose' })
    log.warn('remote access is on', { address: '192.168.1.20', alternatives: ['10.0.0.5'] })
    log.warn('stopped a service', { pid: 17 })
    log.warn('stopped a service', { pid: 17 })
    throw new Error('the end')
  })
  await expect(failed).rejects.toThrow('the end')
  log.warn('after')
  expect(notices.texts).toEqual([
    'port 8787 is in use, taking 8788 instead: pass --openwork-port to choose',
    'remote access is on',
    'stopped a service pid=17',
  ])
})
