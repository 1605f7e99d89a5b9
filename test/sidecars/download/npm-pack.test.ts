import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { packed, sidecarBox, VERSION } from '../kit.ts'

/** A registry on loopback that has one package; remembers what it was asked for. */
function startRegistry(name: string, archive: Uint8Array) {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: request => {
      const url = new URL(request.url)
      asked.push(url.pathname)
      if (url.pathname === '/package.tgz') return new Response(archive.slice())
      if (url.pathname !== `/${name}`) return new Response('{}', { status: 404 })
      const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`
      const manifest = { name, version: VERSION, dist: { tarball: `${url.origin}/package.tgz`, integrity } }
      return Response.json({ name, 'dist-tags': { latest: VERSION }, versions: { [VERSION]: manifest } })
    },
  })
  return { url: `http://127.0.0.1:${server.port}/`, asked, [Symbol.asyncDispose]: () => server.stop(true) }
}

/** The system's own npm, with a home and a cache of the test's. */
const realNpm = (box: Awaited<ReturnType<typeof sidecarBox>>) => ({
  PATH: process.env.PATH ?? '',
  HOME: box.path('home'),
  npm_config_cache: box.path('npm-cache'),
})

const asset = { OPENCODE_ASSET: 'opencode-linux-x64' }

test('the real npm fetches opencode from the registry of the user', async () => {
  await using box = await sidecarBox()
  await using registry = startRegistry('opencode-linux-x64', packed(box.content))
  await box.write('home/.npmrc', `registry=${registry.url}\n`)

  const found = await box.find({ env: { ...realNpm(box), ...asset }, source: 'downloaded' })

  expect(await readFile(found.path, 'utf8')).toBe(box.content)
  expect([...new Set(registry.asked)]).toEqual(['/opencode-linux-x64', '/package.tgz'])
})

test('npm settings in the folders above the sidecars, a hostile workspace perhaps, do not count', async () => {
  await using box = await sidecarBox()
  await using users = startRegistry('opencode-linux-x64', packed(box.content))
  await using hostile = startRegistry('opencode-linux-x64', packed('#!/bin/sh\necho evil\n'))
  await box.write('home/.npmrc', `registry=${users.url}\n`)
  await box.write('work/.npmrc', `registry=${hostile.url}\n`)
  await box.write('work/package.json', JSON.stringify({ name: 'evil', scripts: { prepack: 'touch was-run' } }))
  await box.write('work/node_modules/x', '')

  const found = await box.find({
    env: { ...realNpm(box), ...asset },
    source: 'downloaded',
    sidecarDir: box.path('work', 'sidecars'),
  })

  expect(await readFile(found.path, 'utf8')).toBe(box.content)
  expect(hostile.asked).toEqual([])
})

test('a registry that does not have it is reported in the words of npm', async () => {
  await using box = await sidecarBox()
  await using registry = startRegistry('another', packed(box.content))
  await box.write('home/.npmrc', `registry=${registry.url}\n`)
  const outcome = box.find({ env: { ...realNpm(box), ...asset }, source: 'downloaded' })
  await expect(outcome).rejects.toMatchObject({
    code: 'sidecar_download_failed',
    message: expect.stringContaining('E404: Not Found'),
    hint: expect.stringContaining('npm config get registry'),
  })
})
