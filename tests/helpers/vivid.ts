// The kernel's virtual camera (vivid), as the tests in the VM have it: its nodes, its controls, its module.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { VideoNode } from '#src/devices/v4l2/video-node.js'
import { encodeControl, VIDIOC_S_CTRL } from '#src/uapi/videodev2.js'

const CLASS = '/sys/class/video4linux'
const DRIVER = '/sys/bus/platform/drivers/vivid'
const VM = '/run/kernel-vm'
const VIVID_MODULE = `${VM}/modules/vivid.ko`

/** Numbers of vivid's own controls. */
const CONTROLS = {
  testPattern: 0xf0f000,
  osdText: 0xf0f001,
  injectDamage: 0xf0f042,
  failRequest: 0xf0f043,
  failQueue: 0xf0f044,
  failStart: 0xf0f045,
  failStream: 0xf0f046,
} as const

/** Test patterns of one colour. */
export const PATTERN = { black: 5, white: 6, red: 7 } as const

/** Whether the virtual camera is here: only in the VM. */
export const hasVivid = existsSync(DRIVER)

/** Whether it can be loaded with other parameters: in the VM's ordinary kernel it is a module. */
export const canReloadVivid = existsSync(VIVID_MODULE)

/** The path of one of vivid's nodes, as `vid-cap` or `meta-cap`; its number differs from boot to boot. */
export function vividNode(kind: string): string {
  const name = readdirSync(CLASS).find(
    (node) => readFileSync(`${CLASS}/${node}/name`, 'utf8').trim() === `vivid-000-${kind}`,
  )
  if (name === undefined) throw new Error(`vivid has no node ${kind}`)
  return `/dev/${name}`
}

/** Sets a control of the camera; works while somebody else captures. */
export function setControl(control: keyof typeof CONTROLS, value = 1): void {
  using node = new VideoNode(vividNode('vid-cap'))
  node.call(VIDIOC_S_CTRL, encodeControl({ id: CONTROLS[control], value }), 'set a control of')
}

/** Pictures of one colour, without text. */
export function showOnly(color: keyof typeof PATTERN): void {
  setControl('osdText', 2)
  setControl('testPattern', PATTERN[color])
}

/** Takes the device away from its driver, as if it were unplugged, until the result is disposed. */
export function unplugVivid(): AsyncDisposable {
  writeFileSync(`${DRIVER}/unbind`, 'vivid.0')
  return {
    [Symbol.asyncDispose]: async () => {
      writeFileSync(`${DRIVER}/bind`, 'vivid.0')
      await untilThere()
    },
  }
}

/** Loads vivid with other parameters, until the result is disposed. */
export async function reloadVivid(parameters: string): Promise<AsyncDisposable> {
  const load = async (...words: string[]): Promise<void> => {
    execFileSync(`${VM}/bin/rmmod`, ['vivid'])
    execFileSync(`${VM}/bin/insmod`, [VIVID_MODULE, ...words])
    await untilThere()
  }
  await load(parameters)
  return { [Symbol.asyncDispose]: () => load() }
}

async function untilThere(): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      if (existsSync(vividNode('vid-cap'))) return
    } catch {
      // Not yet.
    }
    await sleep(50)
  }
  throw new Error('vivid does not come back')
}
