/** A terminal to read keys from; process.stdin is one. */
export interface KeyInput {
  readonly isTTY?: boolean
  setRawMode(on: boolean): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  off(event: 'data', listener: (bytes: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}

const CTRL_C = '\x03'

/** Calls back for each key until disposed; Ctrl-C is `q`. Nothing where the input is no terminal. */
export function readKeys(input: KeyInput, onKey: (key: string) => void): Disposable {
  if (input.isTTY !== true) return { [Symbol.dispose]() {} }
  const listener = (bytes: Buffer): void => {
    for (const key of bytes.toString('latin1')) onKey(key === CTRL_C ? 'q' : key)
  }
  input.setRawMode(true)
  input.on('data', listener)
  input.resume()
  return {
    [Symbol.dispose]() {
      input.off('data', listener)
      input.setRawMode(false)
      input.pause()
    },
  }
}
