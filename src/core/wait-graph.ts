import { warn } from './warn.js'

/** Whoever waits and holds: a task object of the program, or an acquire context. @rule WW-21, PORT-6 */
export type Task = object

/** Something that can be held and waited for: a lock, a fence. */
export type Resource = object

interface Note {
  readonly label: string
  readonly stack: string | undefined
}

// Weak: a task or a fence that is forgotten takes its notes along.
const holders = new WeakMap<Resource, Map<Task, Note>>()
const waits = new WeakMap<Task, { readonly resource: Resource; readonly note: Note }[]>()
const names = new WeakMap<Task, string>()
let unnamed = 0

/** Names a task in reports; `task 1`, `task 2` … where nobody did. */
export function nameTask(task: Task, name: string): void {
  names.set(task, name)
}

/** The name that reports use for a task. */
export function taskName(task: Task): string {
  let name = names.get(task)
  if (name === undefined) names.set(task, (name = `task ${++unnamed}`))
  return name
}

/**
 * Notes that a task holds a lock, or is the one who will signal a fence.
 *
 * @returns disposing it notes the release
 */
export function noteHold(task: Task, resource: Resource, label: string): Disposable {
  const held = holders.get(resource) ?? new Map<Task, Note>()
  holders.set(resource, held)
  const note = noteNow(label)
  held.set(task, note)
  return {
    [Symbol.dispose]() {
      if (held.get(task) === note) held.delete(task)
    },
  }
}

/**
 * Notes that a task waits, and warns where that closes a cycle: who waits, holding what, for whom.
 *
 * @rule FENCE-37, FENCE-39
 * @returns disposing it notes the end of the wait
 */
export function noteWait(task: Task, resource: Resource, label: string): Disposable {
  const entry = { resource, note: noteNow(label) }
  const list = waits.get(task) ?? []
  waits.set(task, list)
  list.push(entry)
  const cycle = findCycle(task, resource)
  if (cycle !== undefined) {
    const { stack } = entry.note
    warn({ rule: 'FENCE-39', message: report(task, entry, cycle), stack })
  }
  return {
    [Symbol.dispose]() {
      const index = list.indexOf(entry)
      if (index >= 0) list.splice(index, 1)
    },
  }
}

interface Step {
  readonly holder: Task
  readonly held: Note
  readonly wait: { readonly resource: Resource; readonly note: Note } | undefined
}

// Breadth first: the shortest cycle is the easiest to read.
function findCycle(start: Task, resource: Resource): readonly Step[] | undefined {
  const seen = new Set<Resource>([resource])
  const queue: { resource: Resource; steps: readonly Step[] }[] = [{ resource, steps: [] }]
  for (const { resource: next, steps } of queue) {
    for (const [holder, held] of holders.get(next) ?? []) {
      if (holder === start) return [...steps, { holder, held, wait: undefined }]
      for (const wait of waits.get(holder) ?? []) {
        if (seen.has(wait.resource)) continue
        seen.add(wait.resource)
        queue.push({ resource: wait.resource, steps: [...steps, { holder, held, wait }] })
      }
    }
  }
  return undefined
}

function report(task: Task, first: { readonly note: Note }, cycle: readonly Step[]): string {
  const lines = ['These wait for each other and will never go on:']
  let waiter = taskName(task)
  let wanted = first.note
  for (const { holder, held, wait } of cycle) {
    const name = taskName(holder)
    lines.push(`- ${waiter} waits for ${wanted.label}`, ...indented(wanted.stack))
    lines.push(`  which ${name} holds as ${held.label}`, ...indented(held.stack))
    waiter = name
    if (wait !== undefined) wanted = wait.note
  }
  return lines.join('\n')
}

function indented(stack: string | undefined): readonly string[] {
  if (stack === undefined) return []
  return stack
    .split('\n')
    .slice(1)
    .map((line) => `    ${line.trim()}`)
}

function noteNow(label: string): Note {
  return { label, stack: new Error(label).stack }
}
