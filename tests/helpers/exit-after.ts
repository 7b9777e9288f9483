// A test that fails leaves its links open, and an open link keeps its process alive: the run would hang.
import { after } from 'node:test'

/** Ends the process of this test file a moment after its last test, whatever is still open. */
export function exitAfterTests(): void {
  after(() => {
    setTimeout(() => process.exit(), 2000).unref()
  })
}
