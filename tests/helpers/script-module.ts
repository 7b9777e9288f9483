// Loads a script of the repository, of which the compiler knows no types.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './source-tree.js'

export async function scriptModule<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(ROOT, 'scripts', name)).href)) as T
}
