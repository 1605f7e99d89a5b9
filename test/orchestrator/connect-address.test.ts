import { describe, expect, test } from 'bun:test'
import type { NetworkInterfaceInfo } from 'node:os'
import { findConnectAddress } from '../../src/orchestrator/connect-address.ts'

const ipv4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  address,
  internal,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '00:00:00:00:00:00',
  cidr: `${address}/24`,
})

describe('the address for pairing URLs', () => {
  test('is that of the default route, even when a bridge comes first', () => {
    const found = findConnectAddress(
      { docker0: [ipv4('172.17.0.1')], eth0: [ipv4('10.0.0.5')], lo: [ipv4('127.0.0.1', true)] },
      'eth0',
    )

    expect(found).toEqual({ host: '10.0.0.5', alternatives: ['172.17.0.1'] })
  })

  test('prefers a real interface when the default route is unknown', () => {
    expect(findConnectAddress({ 'br-1234': [ipv4('172.18.0.1')], wlan0: [ipv4('192.168.1.7')] }, undefined).host).toBe(
      '192.168.1.7',
    )
  })

  test('is the machine’s local name when it has no address', () => {
    expect(findConnectAddress({ lo: [ipv4('127.0.0.1', true)] }, undefined).host).toEndWith('.local')
  })
})
