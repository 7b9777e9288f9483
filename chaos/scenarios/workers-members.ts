import type { Locking } from '../child/member.js'
import type { Process, Run, Scenario } from '../scenario.js'
import { closeMember, nextLock, serve, untilMembers } from './members.js'
import { endWorkers, terminate } from './workers.js'

/** Two workers of one process are members of a domain: one ends, and the hub and the other one go on. */
export const workerMembers: Scenario = {
  name: 'workers-members',
  about: 'terminates one of two worker threads of one process that are members of a domain',
  share: 1,
  run: endMembers,
}

async function endMembers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const hub = await run.start()
  await serve(hub, path)
  await hub.run(() => chaos.my.member.run())
  await endWorkers(run, kills, {
    survivor: hub,
    begin: (home) => join(home, path, 'running'),
    endOne: async (home) => {
      const kind = run.random.pick(['running', 'holding', 'holding', 'fencing'] as const)
      run.count(kind)
      await join(home, path, kind)
      const waiting = kind === 'fencing' ? hub.run(() => chaos.my.member.waitFences(0)) : undefined
      await run.pause(15)
      const endedMs = await terminate(home)
      const wait = await waiting
      if (wait !== undefined) {
        run.resumed(wait.atMs - endedMs)
        if (!wait.codes.includes('EOWNERDEAD'))
          run.violation(`fences of an ended worker ended with ${wait.codes.join(', ')}`)
      }
      for (const locking of [await nextLock(hub, endedMs), await nextLockOfOther(home, endedMs)]) {
        if (locking === undefined) run.violation('the lock of an ended worker was never free')
        else if (kind === 'holding' && locking.askedMs < endedMs) {
          run.count('lockWaiters')
          run.resumed(locking.atMs - endedMs)
        }
      }
      await untilMembers(hub, 1)
    },
  })
  await untilMembers(hub, 0)
  await closeMember(run, hub)
  await run.finish(hub)
}

/** Starts a worker that is a member, and runs, holds a lock, or leaves a fence behind. */
async function join(
  home: Process,
  path: string,
  kind: 'running' | 'holding' | 'fencing',
): Promise<void> {
  await home.run(
    async (_, at, how) => {
      const thread = await chaos.my.workshop.start()
      await thread.run(
        async (__, where, what) => {
          const member = await chaos.Member.join(where)
          chaos.my.member = member
          if (what === 'running') member.run()
          if (what === 'holding') await member.hold(0)
          if (what === 'fencing') await member.leaveFence(0)
        },
        at,
        how,
      )
    },
    path,
    kind,
  )
}

async function nextLockOfOther(home: Process, endedMs: number): Promise<Locking | undefined> {
  return home.run(
    (_, since) =>
      chaos.my.workshop.oldest.run(async ({ resources }, after) => {
        const found = (): Locking | undefined => chaos.my.member.firstAfter(0, after)
        await resources.until(() => found() !== undefined).catch(() => {})
        return found()
      }, since),
    endedMs,
  )
}
