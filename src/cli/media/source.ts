import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { ByteReader } from './byte-reader.js'
import { InputError } from './input-error.js'
import type { MediaSource, SourceOptions } from './media-source.js'
import { openMjpeg } from './mjpeg.js'
import { openY4m } from './y4m.js'

export type { MediaSource, PlaneLayout, SourceFormat, SourceFrame } from './media-source.js'

/** A file, or a pipe's bytes; the stream is moved: the source ends it. */
export type SourceInput = { readonly path: string } | { readonly stream: AsyncIterable<Uint8Array> }

const Y4M_MAGIC = 'YUV4MPEG2 '
const JPEG_MAGIC = '\xff\xd8\xff'
const CHUNK_BYTES = 256 * 1024
const CONVERT = 'convert with: ffmpeg -i in -pix_fmt yuv420p out.y4m'

/**
 * A clip is open, its format known by its first bytes, whatever its name.
 *
 * Waits for the header (Y4M) or for the first picture (motion JPEG). To play a file again, open it again; a stream comes
 * once.
 *
 * @returns owned: close it, or take its frames to the end
 * @throws {InputError} no such file, not readable, empty, neither Y4M nor motion JPEG, or its beginning is broken
 * @example
 *   const source = await openSource({ path: 'clip.y4m' })
 *   for await (const frame of source.frames()) frame.writeTo(bytes, planes)
 */
export async function openSource(
  input: SourceInput,
  options: SourceOptions = {},
): Promise<MediaSource> {
  const reader = 'path' in input ? await openFile(input.path) : openStream(input.stream)
  const name = 'path' in input ? input.path : 'the input'
  try {
    const magic = await reader.peek(Y4M_MAGIC.length)
    const text = Buffer.from(magic).toString('latin1')
    if (text === Y4M_MAGIC) return await openY4m(reader, options)
    if (text.startsWith(JPEG_MAGIC)) return await openMjpeg(reader, options)
    if (text === '') throw new InputError(`${name} is empty`)
    throw new InputError(`not Y4M or motion JPEG: starts with ${display(magic)}; ${CONVERT}`)
  } catch (error) {
    await reader.close()
    throw error
  }
}

async function openFile(path: string): Promise<ByteReader> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    if ((await handle.stat()).isDirectory()) throw new InputError(`${path} is a directory`)
    const stream = handle.createReadStream({ highWaterMark: CHUNK_BYTES })
    return new ByteReader(stream, () => destroy(stream))
  } catch (error) {
    await handle?.close()
    throw error instanceof InputError ? error : new InputError(explain(path, error))
  }
}

function explain(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return `no such file: ${path}`
  if (code === 'EACCES') return `no permission to read ${path}`
  return `cannot open ${path}: ${message}`
}

function openStream(stream: AsyncIterable<Uint8Array>): ByteReader {
  if (isReadable(stream)) return new ByteReader(stream, () => destroy(stream))
  const iterator = stream[Symbol.asyncIterator]()
  const chunks = { [Symbol.asyncIterator]: () => iterator }
  return new ByteReader(chunks, () => {
    // Not awaited: a generator ends only when the read that it waits in is done.
    iterator.return?.().catch(() => undefined)
    return Promise.resolve()
  })
}

function isReadable(stream: object): stream is Readable {
  return 'destroy' in stream && 'on' in stream && 'closed' in stream
}

async function destroy(stream: Readable): Promise<void> {
  stream.on('error', () => undefined) // whoever reads has it already
  stream.destroy()
  if (!stream.closed) await once(stream, 'close').catch(() => undefined)
}

/** The bytes as hexadecimal and, where there are any, as letters. */
function display(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const text = Array.from(bytes, (byte) =>
    byte > 32 && byte < 127 ? String.fromCharCode(byte) : '.',
  )
  return `${hex} (${text.join('')})`
}
