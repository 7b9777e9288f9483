const told = new WeakMap<readonly string[], number>()

/** What a list has more than at the last call: each text once, with how often it came. */
export function news(list: readonly string[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const text of list.slice(told.get(list) ?? 0)) counts.set(text, (counts.get(text) ?? 0) + 1)
  told.set(list, list.length)
  return Array.from(counts, ([text, count]) => (count === 1 ? text : `${text} (${count} times)`))
}
