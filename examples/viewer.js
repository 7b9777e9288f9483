import { writeFile } from 'node:fs/promises'
import { connectFrames } from 'dmabuf/linux'

const [path = '/tmp/cam.sock', file = '/tmp/frame.yuv'] = process.argv.slice(2)
const frames = await connectFrames(path, { mode: 'latest', waitForServer: true })
try {
  for await (const frame of frames) {
    try {
      const shade = frame.plane(0)[0] // the camera's own pages, yours until release()
      console.log(`frame ${frame.sequence}: shade ${shade}, ${frame.missed} missed`)
      void frame.lend((bytes) => writeFile(file, bytes)) // or until this promise settles
    } finally {
      frame.release()
    }
  }
} finally {
  await frames.close()
}
