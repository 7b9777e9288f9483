// Inside the VM: runs compiled test files in one process, for a process takes most of a second to start there.
import { before } from 'node:test'
import { pathToFileURL } from 'node:url'

// No test begins while files are loaded: those that count descriptors would see the loader's.
let finish
const isLoaded = new Promise((resolve) => (finish = resolve))
before(() => isLoaded)

for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href)
finish()
