// A worker of the page, and what it is asked.

export class Remote {
  #worker
  #pending = new Map()
  #nextId = 1

  static async start(path) {
    const remote = new Remote()
    remote.#worker = new Worker(path, { type: 'module' })
    remote.#worker.onmessage = ({ data: { id, value, error } }) => {
      const { resolve, reject } = remote.#pending.get(id)
      remote.#pending.delete(id)
      if (error === undefined) resolve(value)
      else reject(new Error(error))
    }
    await new Promise((resolve, reject) => {
      remote.#pending.set(0, { resolve, reject })
      remote.#worker.onerror = (event) => reject(new Error(`${path}: ${event.message}`))
    })
    return remote
  }

  ask(command, argument) {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#worker.postMessage({ id, command, argument })
    })
  }

  terminate() {
    this.#worker.terminate()
  }
}
