#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DmaBufError } from '../core/errors.js'
import type { CameraFlags } from './commands/camera.js'
import type { DoctorFlags } from './commands/doctor.js'
import type { PlayFlags } from './commands/play.js'
import type { ViewFlags } from './commands/view.js'
import { InputError } from './media/input-error.js'

const INPUT_HELP =
  'Y4M or motion JPEG: a file, or - for standard input; a turning globe where absent'
const EXIT_USAGE = 2

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > 1e9)
    throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}

function pictureSize(text: string): { columns: number; rows: number } {
  const [, columns, rows] = /^(\d{1,3})x(\d{1,3})$/.exec(text) ?? []
  if (columns === undefined) throw new InvalidArgumentError('It must be COLUMNSxROWS.')
  return { columns: Number(columns), rows: Number(rows) }
}

function frameSize(text: string): { width: number; height: number } {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? []
  if (width === undefined) throw new InvalidArgumentError('It must be WIDTHxHEIGHT.')
  return { width: Number(width), height: Number(height) }
}

function rate(text: string): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value <= 0 || value > 1000)
    throw new InvalidArgumentError('It must be frames a second, above 0.')
  return value
}

/** What a camera can be asked for. */
function withCameraOptions(command: Command): Command {
  return command
    .option('--size <WxH>', 'of a camera’s pictures', frameSize)
    .option('--fps <n>', 'of a camera: frames a second', rate)
    .option('--format <fourcc>', 'of a camera’s pictures: YUYV, NV12, MJPG …')
    .addOption(
      new Option('--memory <kind>', 'of a camera: whose memory; the first that works').choices([
        'import',
        'export',
        'copy',
      ]),
    )
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

type Done = (code: number) => void

function build(done: Done): Command {
  const program = new Command('dmabuf')
  program
    .description('Share buffers between processes without copying them.')
    .version(version())
    .showHelpAfterError('(dmabuf --help tells more)')
    .exitOverride()
  for (const add of [addPlay, addCamera, addView, addDoctor, addBench]) add(program, done)
  return program
}

// Each command is loaded when it is called: none has to wait for what another one needs.

function addPlay(program: Command, done: Done): void {
  withCameraOptions(program.command('play'))
    .description('play a clip or a camera through three processes that share its frames')
    .argument('[input]', INPUT_HELP)
    .option('--camera [device]', 'a camera, as /dev/video0; without it lists them')
    .option('--fast', 'as fast as the viewers take frames, not at the clip’s rate', false)
    .option('--loop', 'start again at the end', false)
    .option('--frames <n>', 'stop after so many frames', wholeNumber)
    .option('--contact-sheet <file>', 'where the pictures go', 'contact-sheet.png')
    .option('--json', 'print one JSON object last, and progress on standard error', false)
    .action(async (input: string | undefined, flags: PlayFlags) => {
      const { play } = await import('./commands/play.js')
      done(await play(input, flags))
    })
}

function addCamera(program: Command, done: Done): void {
  withCameraOptions(program.command('camera'))
    .description('serve the frames of a clip or a camera at a socket')
    .argument('<socket>', 'path of the socket to make')
    .argument('[input]', INPUT_HELP)
    .option('--device <path>', 'a camera, as /dev/video0, instead of a clip')
    .option('--fast', 'as fast as the viewers take frames, not at the clip’s rate', false)
    .option('--loop', 'start again at the end', false)
    .option('--frames <n>', 'stop after so many frames', wholeNumber)
    .option('--viewers <n>', 'wait for so many viewers first', wholeNumber, 1)
    .option('--buffers <n>', 'shared buffers', wholeNumber, 5)
    .action(async (socket: string, input: string | undefined, flags: CameraFlags) => {
      const { camera } = await import('./commands/camera.js')
      done(await camera(socket, input, flags))
    })
}

function addView(program: Command, done: Done): void {
  program
    .command('view')
    .description('look at a camera’s frames in place')
    .argument('<socket>', 'path of the camera’s socket')
    .option(
      '--latest',
      'the newest frame always, others are skipped; without it every frame',
      false,
    )
    .option('--frames <n>', 'stop after so many frames', wholeNumber)
    .option('--wait', 'wait for the camera, now and whenever it dies', false)
    .option('--contact-sheet <file>', 'with --latest: write pictures there at the end')
    .addOption(new Option('--picture <size>').argParser(pictureSize).hideHelp())
    .action(async (socket: string, flags: ViewFlags) => {
      const { view } = await import('./commands/view.js')
      done(await view(socket, flags))
    })
}

function addDoctor(program: Command, done: Done): void {
  program
    .command('doctor')
    .description('say what this machine offers, and what to do about what it refuses')
    .option('--json', 'print one JSON object', false)
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import('./commands/doctor.js')
      done(await doctor(flags))
    })
}

function addBench(program: Command, done: Done): void {
  program
    .command('bench')
    .description('measure what this package and the kernel cost on this machine')
    .argument('[options...]', 'dmabuf bench --help lists them')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (options: string[]) => {
      const { bench } = await import('./commands/bench.js')
      done(await bench(options))
    })
}

/** The one line that a person is shown. */
function explain(error: unknown): string {
  if (error instanceof InputError || DmaBufError.is(error)) return error.message
  if (error instanceof Error && 'code' in error) return error.message
  if (error instanceof RangeError || error instanceof TypeError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

async function main(): Promise<void> {
  try {
    await build((code) => {
      process.exitCode = code
    }).parseAsync()
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error && 'code' in error) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
      return
    }
    process.stderr.write(`dmabuf: ${explain(error)}\n`)
    process.exitCode = 1
  }
}

// A reader of our output that goes away is no error of ours; a disk that is full has to be told.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  process.stderr.write(`dmabuf: cannot write the output: ${error.message}\n`)
  process.exit(1)
})

void main()
