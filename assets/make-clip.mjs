// Makes blue-marble.mjpeg, 150 pictures of the turning Earth, from earth-blue-marble.jpg.
// Run: node assets/make-clip.mjs [output]. Needs the devDependency sharp; takes about a minute.
// The view never changes but for the turn, so what a sample of the picture sees of the globe is
// worked out once (traceGlobe), and every frame only looks the colours up (paintFrame).

import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const WIDTH = 640
const HEIGHT = 360
const FRAME_COUNT = 150 // one whole turn, so that the clip loops
const SAMPLES_PER_SIDE = 4 // 16 samples in every pixel: smooth rim, no shimmer
const MAP_WIDTH = 2048 // about two map points per pixel: less would blur, more would shimmer
const MAP_HEIGHT = 1024

const RADIUS_PIXELS = 158
const ROLL_RADIANS = (-16 * Math.PI) / 180 // the axis leans on the screen
const LATITUDE_RADIANS = (14 * Math.PI) / 180 // seen from a little north of the equator
const FIRST_LONGITUDE_RADIANS = (15 * Math.PI) / 180 // the first frame shows Africa and Europe
const SUN = normalize([-0.54, 0.3, 0.79]) // x to the right, y up, z towards the viewer
const EXPOSURE = 1.6
const HAZE = [0.2, 0.42, 0.9] // linear light

const JPEG_OPTIONS = {
  quality: 76,
  chromaSubsampling: '4:2:0',
  progressive: false,
  optimiseCoding: true,
  trellisQuantisation: true,
  overshootDeringing: true,
  quantisationTable: 3,
}

function normalize([x, y, z]) {
  const length = Math.hypot(x, y, z)
  return [x / length, y / length, z / length]
}

function smoothstep(from, to, value) {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)))
  return t * t * (3 - 2 * t)
}

/** Light is added up as light: these two turn stored bytes into it and back. */
function toLinear(byte) {
  const s = byte / 255
  return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
}
function toByte(linear) {
  const l = Math.min(1, Math.max(0, linear))
  return Math.round(255 * (l <= 0.0031308 ? l * 12.92 : 1.055 * l ** (1 / 2.4) - 0.055))
}

/** The map as linear light, three floats a point. */
async function loadMap() {
  const path = fileURLToPath(new URL('earth-blue-marble.jpg', import.meta.url))
  const bytes = await sharp(path).resize(MAP_WIDTH, MAP_HEIGHT).removeAlpha().raw().toBuffer()
  return Float32Array.from(bytes, toLinear)
}

/** Where on the turned-by-nothing globe the surface point (x, y, z) of the view lies. */
function toMapPoint(x, y, z) {
  const rolledX = x * Math.cos(ROLL_RADIANS) + y * Math.sin(ROLL_RADIANS)
  const rolledY = y * Math.cos(ROLL_RADIANS) - x * Math.sin(ROLL_RADIANS)
  const north = rolledY * Math.cos(LATITUDE_RADIANS) + z * Math.sin(LATITUDE_RADIANS)
  const front = z * Math.cos(LATITUDE_RADIANS) - rolledY * Math.sin(LATITUDE_RADIANS)
  const longitude = Math.atan2(rolledX, front) + FIRST_LONGITUDE_RADIANS
  const latitude = Math.asin(Math.min(1, Math.max(-1, north)))
  return {
    column: (0.5 + longitude / (2 * Math.PI)) * MAP_WIDTH - 0.5,
    row: Math.min(MAP_HEIGHT - 1.001, Math.max(0, (0.5 - latitude / Math.PI) * MAP_HEIGHT - 0.5)),
  }
}

/** What the sun does to the surface point (x, y, z): brightness, and haze over it. */
function shade(x, y, z) {
  const towardsSun = x * SUN[0] + y * SUN[1] + z * SUN[2]
  const day = smoothstep(-0.12, 0.3, towardsSun) * (0.3 + 0.7 * Math.max(0, towardsSun))
  return {
    day: EXPOSURE * day + 0.004,
    haze: smoothstep(-0.2, 0.5, towardsSun) * (0.018 + 0.5 * (1 - z) ** 3),
  }
}

/** The glow of the air beyond the rim, at `distance` radii from the centre. */
function glow(x, y, distance) {
  const towardsSun = (x * SUN[0] + y * SUN[1]) / distance
  return 0.5 * smoothstep(-0.25, 0.7, towardsSun) * Math.exp(-(distance - 1) / 0.018)
}

/** All samples that meet the globe, and all glow, with the pixel each belongs to. */
function traceGlobe() {
  const samples = []
  const air = new Float32Array(WIDTH * HEIGHT)
  const perPixel = SAMPLES_PER_SIDE ** 2
  for (let row = 0; row < HEIGHT * SAMPLES_PER_SIDE; row += 1) {
    const y = (HEIGHT / 2 - (row + 0.5) / SAMPLES_PER_SIDE) / RADIUS_PIXELS
    for (let column = 0; column < WIDTH * SAMPLES_PER_SIDE; column += 1) {
      const x = ((column + 0.5) / SAMPLES_PER_SIDE - WIDTH / 2) / RADIUS_PIXELS
      const pixel =
        Math.floor(row / SAMPLES_PER_SIDE) * WIDTH + Math.floor(column / SAMPLES_PER_SIDE)
      const distance = Math.hypot(x, y)
      if (distance >= 1) {
        air[pixel] += glow(x, y, distance) / perPixel
        continue
      }
      const z = Math.sqrt(1 - distance * distance)
      samples.push({ pixel, ...toMapPoint(x, y, z), ...shade(x, y, z) })
    }
  }
  return { samples, air }
}

/** The map's colour between its points, into `color`. */
function lookUp(map, column, row, color) {
  const left = Math.floor(column)
  const top = Math.floor(row)
  const x = column - left
  const y = row - top
  const wrapped = ((left % MAP_WIDTH) + MAP_WIDTH) % MAP_WIDTH
  const a = (top * MAP_WIDTH + wrapped) * 3
  const b = (top * MAP_WIDTH + ((wrapped + 1) % MAP_WIDTH)) * 3
  const below = MAP_WIDTH * 3
  for (let channel = 0; channel < 3; channel += 1) {
    const upper = map[a + channel] * (1 - x) + map[b + channel] * x
    const lower = map[a + below + channel] * (1 - x) + map[b + below + channel] * x
    color[channel] = upper * (1 - y) + lower * y
  }
}

/** One picture as RGB bytes, the globe turned east by `turn` (0 … 1). */
function paintFrame(map, { samples, air }, turn) {
  const light = new Float32Array(WIDTH * HEIGHT * 3)
  const color = [0, 0, 0]
  const perPixel = SAMPLES_PER_SIDE ** 2
  for (const { pixel, column, row, day, haze } of samples) {
    lookUp(map, column - turn * MAP_WIDTH, row, color)
    for (let channel = 0; channel < 3; channel += 1) {
      light[pixel * 3 + channel] += (color[channel] * day + HAZE[channel] * haze) / perPixel
    }
  }
  return Uint8Array.from(light, (value, index) =>
    toByte(value + HAZE[index % 3] * air[Math.floor(index / 3)]),
  )
}

async function makeClip(outputPath) {
  const map = await loadMap()
  const globe = traceGlobe()
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 }
  const pictures = []
  for (let index = 0; index < FRAME_COUNT; index += 1) {
    const pixels = paintFrame(map, globe, index / FRAME_COUNT)
    pictures.push(await sharp(pixels, { raw }).jpeg(JPEG_OPTIONS).toBuffer())
  }
  await writeFile(outputPath, Buffer.concat(pictures))
}

const defaultPath = fileURLToPath(new URL('blue-marble.mjpeg', import.meta.url))
makeClip(process.argv[2] ?? defaultPath).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
