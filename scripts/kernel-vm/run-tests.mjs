// Inside the VM: runs compiled test files in one process, for a process takes most of a second to start there.
import { pathToFileURL } from 'node:url'

for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href)
