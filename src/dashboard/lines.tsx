import { Box, Text } from 'ink'
import { createContext, memo, type ReactNode, useContext } from 'react'
import { cutLine, type Line, renderLine } from './text.ts'

/** Whether colours are shown at all. */
export const ColorContext = createContext(true)

/** Rows of the screen, one for each line, nothing wrapped; exactly `rows` of them. */
export function Lines({ lines, rows, columns }: { lines: readonly Line[]; rows: number; columns: number }): ReactNode {
  const color = useContext(ColorContext)
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is what it is by its place
        <Row key={index} text={renderLine(cutLine(lines[index] ?? [], columns), color)} />
      ))}
    </Box>
  )
}

const Row = memo(({ text }: { text: string }): ReactNode => <Text wrap="truncate">{text || ' '}</Text>)
