import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { thrownText } from '../../core/thrown.js'
import { deviceNodes } from '../device-nodes.js'
import { captureType, nodeKind, type VideoNodeKind } from './node-kind.js'
import { offeredFormats, type OfferedFormat } from './node-formats.js'
import { VideoNode } from './video-node.js'

/** A video node of this machine. */
export interface VideoDevice {
  /** To give to openCapture(). */
  readonly path: string
  /** The device's words. */
  readonly name: string
  /** undefined where it could not be opened. */
  readonly kind: VideoNodeKind | undefined
  readonly driver: string | undefined
  /** Where it is plugged in, as the driver names it. */
  readonly bus: string | undefined
  /** What a camera offers; empty for everything else. */
  readonly formats: readonly OfferedFormat[]
  /** Why it cannot be used, and what to do about it. */
  readonly problem: string | undefined
}

/** Where nodes and their names are. */
export interface DeviceFolders {
  readonly devices: string
  readonly names: string
}

const SYSTEM: DeviceFolders = { devices: '/dev', names: '/sys/class/video4linux' }

/**
 * All video nodes of this machine: cameras (`kind` is 'camera') and what else has such a node, as the metadata
 * of a webcam. Looks at each without changing it; a camera in use can be looked at.
 *
 * @returns by number; empty where there is none
 */
export function listCameras(): VideoDevice[] {
  return listNodes(SYSTEM)
}

/** The same of other folders. */
export function listNodes(folders: DeviceFolders): VideoDevice[] {
  return deviceNodes(folders.devices, 'video').map((path) => {
    const name = nameOf(join(folders.names, basename(path), 'name')) ?? basename(path)
    try {
      using node = new VideoNode(path)
      return describe(node)
    } catch (error) {
      const nothing = { kind: undefined, driver: undefined, bus: undefined, formats: [] }
      return {
        path,
        name,
        ...nothing,
        problem: error instanceof Error ? error.message : thrownText(error),
      }
    }
  })
}

function describe(node: VideoNode): VideoDevice {
  const { driver, card, busInfo } = node.capability
  const type = captureType(node.caps)
  const kind = nodeKind(node.caps)
  const cannotStream = kind === 'camera' && type === undefined
  return {
    path: node.path,
    name: card,
    kind,
    driver,
    bus: busInfo,
    formats: type === undefined ? [] : offeredFormats(node, type),
    problem: cannotStream ? 'It has no queues of buffers: it can only be read()' : undefined,
  }
}

function nameOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
