import { writeFile } from 'node:fs/promises'
import { connectFrames } from 'dmabuf/linux'

const [path = '/tmp/cam.sock', file = '/tmp/frame.yuv'] = process.argv.slice(2)
await using frames = await connectFrames(path, { mode: 'latest', waitForServer: true })

for await (using frame of frames) {
  const shade = frame.plane(0)[0] // the camera's own pages, yours until the scope ends
  console.log(`frame ${frame.sequence}: shade ${shade}, ${frame.missed} missed`)
  void frame.lend((bytes) => writeFile(file, bytes)) // or until this promise settles
}
