// The least that a dashboard made with ink costs: one line that changes once per second.
import { render, Text } from 'ink'
import { createElement, useEffect, useState } from 'react'

function Clock() {
  const [seconds, setSeconds] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setSeconds(before => before + 1), 1_000)
    return () => clearInterval(timer)
  }, [])
  return createElement(Text, null, `up ${seconds} s`)
}

await render(createElement(Clock), { alternateScreen: true, incrementalRendering: true }).waitUntilExit()
