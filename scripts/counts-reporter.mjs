// A reporter for `node --test` that writes one JSON object: the totals, and what failed, with its file.
const NAMES = new Set(['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'])

function failureOf({ name, file, line, details }) {
  const error = details?.error
  const message = String(error?.cause?.message ?? error?.message ?? error).split('\n')[0]
  return { name, file, line, message }
}

export default async function* counts(events) {
  const totals = {}
  const failures = []
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed')
      failures.push(failureOf(data))
    if (type !== 'test:diagnostic' || data.nesting !== 0) continue
    const [name, count, ...rest] = data.message.split(' ')
    if (NAMES.has(name) && rest.length === 0) totals[name] = Number(count)
  }
  yield `${JSON.stringify({ ...totals, failures })}\n`
}
