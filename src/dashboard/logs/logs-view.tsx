import { memo, type ReactNode } from 'react'
import { Lines } from '../lines.tsx'
import { logsLines } from './logs-lines.ts'
import type { LogsModel } from './logs-model.ts'

/** The log, as large as its model says. Costs nothing while the model is the same. */
export const LogsView = memo(
  ({ model }: { model: LogsModel }): ReactNode => (
    <Lines lines={logsLines(model)} rows={model.size.rows} columns={model.size.columns} />
  ),
)
