// Goal: what the documents say is what is there.
// Method: compares README.md and docs/ with the examples, the files, the constants and the options they speak of.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DESCRIPTOR_WORDS, MAX_DAMAGE } from '#src/interprocess/frame-descriptor.js'
import {
  HEADER_BYTES,
  LINK_VERSION,
  MAX_MESSAGE_BYTES,
  MessageType,
} from '#src/interprocess/link-message.js'
import * as page from '#src/interprocess/queue-page.js'
import { DomainOp, MAX_TEXT_BYTES } from '#src/interprocess/domain-message.js'
import * as member from '#src/interprocess/member-page.js'
import { linkLayout } from '#src/linux/link-member.js'
import { filesUnder, ROOT, textOf } from './helpers/source-tree.js'

// Comes with the figures of the bench: until then its links lead nowhere.

const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...filesUnder('docs', '.md')]

/** The code blocks of a document in one language. */
function blocksOf(path: string, language: string): readonly string[] {
  const blocks = textOf(path).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return [...blocks].filter(([, name]) => name === language).map(([, , code = '']) => code)
}

/** The text of a document with its line breaks taken out, so that a sentence can be looked for. */
function sentencesOf(path: string): string {
  return textOf(path).replaceAll(/\s+/g, ' ')
}

test('README.md has fewer than 150 lines', () => {
  assert.ok(textOf('README.md').split('\n').length < 150)
})

test('The programs of README.md are the examples that the gate executes', () => {
  const examples = ['examples/camera.ts', 'examples/viewer.ts'].map((path) => textOf(path))
  assert.deepEqual(blocksOf('README.md', 'ts'), examples)
})

test('Every relative link of a document leads to a file', () => {
  const broken = documents.flatMap((path) =>
    [...textOf(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target = '']) => normalize(join(dirname(path), target)))
      .filter((target) => !existsSync(join(ROOT, target)))
      .map((target) => `${path}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('docs/README.md lists every document', () => {
  const list = textOf('docs/README.md')
  const missing = filesUnder('docs', '.md')
    .map((path) => path.replace('docs/', ''))
    .filter((path) => path !== 'README.md' && !list.includes(`(${path})`))
  assert.deepEqual(missing, [])
})

test('docs/wire-format.md has the numbers of the source', () => {
  const text = sentencesOf('docs/wire-format.md')
  const hex = (value: number): string => `\`0x${value.toString(16)}\``
  const sentences = [
    `| 0 | atomic | magic ${hex(page.QUEUE_MAGIC)} ("DMBQ" in memory)`,
    `| 0 | atomic | magic ${hex(page.CONSUMER_MAGIC)} ("DMBC" in memory)`,
    `| 1 | atomic | version, ${page.QUEUE_VERSION} |`,
    `| ${page.QUEUE_SLOT_COUNT} | atomic | slot count |`,
    `| ${page.QUEUE_BELL} | atomic | wish: ring me when a buffer is given back |`,
    `| ${page.QUEUE_EPOCH}, ${page.QUEUE_EPOCH + 1} | atomic | counter: epoch`,
    `| ${page.QUEUE_READY}, ${page.QUEUE_READY + 1} | atomic | counter: ready`,
    `| ${page.QUEUE_EVICTED} … ${page.QUEUE_EVICTED + page.MAX_CONSUMERS / 32 - 1} | atomic | told to leave`,
    `| ${page.QUEUE_PUBLISHED}, ${page.QUEUE_PUBLISHED + 1} | atomic | counter: tickets published |`,
    `ring: word \`${page.QUEUE_RING} + ticket % ${page.RING_SIZE}\``,
    `| ${page.descriptorAt(0)} + ${DESCRIPTOR_WORDS} i …`,
    `\`${page.queuePageBytes(0)} + ${page.queuePageBytes(1) - page.queuePageBytes(0)} * slots\` bytes`,
    `| ${page.CONSUMER_BELL} | atomic | wish: ring me when a frame is published`,
    `| ${page.CONSUMER_CURSOR}, ${page.CONSUMER_CURSOR + 1} | atomic | counter: cursor`,
    `| ${page.CONSUMER_CLAIMS}, ${page.CONSUMER_CLAIMS + 1} | atomic | claims`,
    `u32 slot count (2 to ${page.MAX_BUFFERS})`,
    `| ${page.CONSUMER_RELEASING}, ${page.CONSUMER_RELEASING + 1} | atomic | releasing`,
    `damage rectangles, 0 to ${MAX_DAMAGE};`,
    `| 2 | u8 | version, ${LINK_VERSION} |`,
    `| ${HEADER_BYTES} | | payload`,
    `at most ${MAX_MESSAGE_BYTES} bytes with its header`,
    `| 0 | atomic | magic ${hex(member.MEMBER_MAGIC)} ("DMMB" in memory), stored last`,
    `\`slots\` fence slots (1 to ${member.MAX_SLOTS})`,
    `room for \`buffers\` (0 to ${member.MAX_MEMBER_BUFFERS})`,
    `blocks of watch words (1 to ${member.MAX_MEMBERS})`,
    `A link's have ${linkLayout.shape.slots} slots, no buffers, one block`,
    `| change log | ${member.LOG_ENTRIES} | word \`n % ${member.LOG_ENTRIES}\``,
    `| locks | ${member.LOCK_WORDS} per buffer`,
    `| fence lists | ${member.LIST_WORDS} per buffer |`,
    `| fence slots | ${member.SLOT_WORDS} per slot |`,
    `| watch words | ${member.WATCH_WORDS} per slot, for each block |`,
    `| ${member.MEMBER_SLOTS}, ${member.MEMBER_BUFFERS}, ${member.MEMBER_MEMBERS} | atomic | slots, buffers, members |`,
    `| ${member.MEMBER_EPOCH} | atomic | epoch of the group`,
    `| ${member.MEMBER_SLEEPS} | atomic | not 0 while a thread`,
    `| ${member.MEMBER_LOG}, ${member.MEMBER_LOG + 1} | atomic | counter: changes in the log |`,
    `| ${member.SLOT_GENERATION} | atomic | generation: 0 never used`,
    `| ${member.SLOT_ERRNO} | atomic | errno`,
    `| ${member.SLOT_COUNTER}, ${member.SLOT_COUNTER + 1} | atomic | counter: highest seqno`,
    `| ${member.SLOT_NEXT}, ${member.SLOT_NEXT_GENERATION} | plain | with an errno`,
    `| ${member.WATCH_HAZARD} | atomic | hazard`,
    `| ${member.WATCH_WISH} | atomic | wish`,
    `where word ${member.MEMBER_LEFT} of its page is not 0`,
    `the epoch, word ${member.MEMBER_EPOCH} of its page`,
    `a UTF-8 text of at most ${MAX_TEXT_BYTES} bytes`,
    `from word ${member.LIST_ENTRIES} on room for ${member.MAX_LIST_ENTRIES} entries`,
    ...Object.entries(DomainOp).map(([name, op]) => `| ${op} | ${name} |`),
    ...Object.entries(MessageType).map(([name, type]) => `| ${type} | ${name} |`),
  ]
  assert.deepEqual(
    sentences.filter((sentence) => !text.includes(sentence)),
    [],
  )
})

test('docs/cli.md names the options that each command has, and no others', () => {
  const main = fileURLToPath(import.meta.resolve('#src/cli/main.js'))
  const sections = textOf('docs/cli.md').split(/^## /m)
  for (const command of ['play', 'camera', 'view', 'doctor', 'bench']) {
    const help = execFileSync(process.execPath, [main, command, '--help'], { encoding: 'utf8' })
    const section = sections.find((text) => text.startsWith(`dmabuf ${command}`)) ?? ''
    const rows = section.split('\n').filter((line) => line.startsWith('| `--'))
    const named = rows.flatMap((row) => row.split('|')[1]?.match(/--[a-z-]+/g) ?? [])
    const real = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option)
    assert.deepEqual([...named].sort(), [...real].sort(), command)
  }
})
