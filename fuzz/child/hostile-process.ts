// A process that means harm; what hurts itself only is no news.
import { serveEvilDomain } from './evil-hub.js'
import * as disguises from './hostile.js'
import { install } from './mutant.js'
import { stopServing } from './serving.js'

process.on('unhandledRejection', () => {})
process.on('uncaughtException', () => {})
install()

const parts = { ...disguises, serveEvilDomain, stopServing }

declare global {
  var hostile: typeof parts
}

globalThis.hostile = parts
