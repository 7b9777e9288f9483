// A process that means harm; what hurts itself only is no news.
import * as hostileParts from './hostile.js'
import { install } from './mutant.js'

process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
install()

declare global {
  var hostile: typeof hostileParts
}

globalThis.hostile = hostileParts
