import { probe } from '../../linux/probe/probe.js'
import { doctorLines, verdictOf } from '../doctor/doctor-text.js'
import { isColorWanted } from '../screen/picture-lines.js'

/** Options of `dmabuf doctor`. */
export interface DoctorFlags {
  readonly json: boolean
}

const DEFAULT_COLUMNS = 100

/** Says what this machine offers and what it refuses. @returns the exit code: 0 where buffers can be shared */
export async function doctor({ json }: DoctorFlags): Promise<number> {
  const capabilities = await probe()
  const works = capabilities.some(({ name, available }) => name === 'memfd' && available)
  if (json) {
    process.stdout.write(`${JSON.stringify({ version: 1, works, capabilities }, null, 2)}\n`)
    return works ? 0 : 1
  }
  const style = {
    columns: process.stdout.isTTY ? process.stdout.columns : DEFAULT_COLUMNS,
    color: process.stdout.isTTY && isColorWanted(process.env),
  }
  const lines = [...doctorLines(capabilities, style), verdictOf(capabilities)]
  process.stdout.write(`${lines.join('\n')}\n`)
  return works ? 0 : 1
}
