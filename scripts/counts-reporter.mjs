// A reporter for `node --test` that writes only the totals, as one JSON object.
const NAMES = new Set(['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'])

export default async function* counts(events) {
  const totals = {}
  for await (const { type, data } of events) {
    if (type !== 'test:diagnostic' || data.nesting !== 0) continue
    const [name, count, ...rest] = data.message.split(' ')
    if (NAMES.has(name) && rest.length === 0) totals[name] = Number(count)
  }
  yield `${JSON.stringify(totals)}\n`
}
