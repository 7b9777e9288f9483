// Debian's packages through the machine's own apt, without root and without installing anything: lists, cache
// and the picture of what is installed are in a folder of ours.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Unavailable } from './unavailable.mjs'

/** No name of a registry is in here: where packages come from, the machine's own settings say. */
const COMMON = [
  '-qq',
  '-oAcquire::Languages=none',
  '-oAcquire::http::Timeout=30',
  '-oAcquire::Retries=2',
  '-oAPT::Sandbox::User=',
]
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Runs a command. @returns its stdout @throws {Unavailable} with what it said where it fails */
export function command(name, args, options = {}) {
  const result = spawnSync(name, args, { encoding: 'utf8', maxBuffer: 2 ** 26, ...options })
  if (result.error) throw new Unavailable(`${name}: ${result.error.message}`)
  if (result.status === 0) return result.stdout
  const said = result.stderr.trim().split('\n').slice(-3).join('; ')
  throw new Unavailable(
    `${name} ${args.at(-1)} ended with ${result.status ?? result.signal}: ${said}`,
  )
}

/** What this machine calls itself: `bookworm`. */
export function releaseName() {
  const match = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))
  return match?.[1].replaceAll('"', '') ?? 'unknown'
}

/** Packages of one release, seen as if those of `hidden` were not installed here. */
export class Apt {
  #options

  /**
   * @param folder - ours to write to
   * @param settings.sources - a list of sources; the machine's own where absent
   * @param settings.hidden - says of a package's name that it does not count as installed
   */
  constructor(folder, { sources, hidden = () => false } = {}) {
    for (const name of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, name), { recursive: true })
    const status = join(folder, 'status')
    writeFileSync(status, installedWithout(hidden))
    const own = [`lists=${folder}/lists`, `status=${status}`].map((part) => `-oDir::State::${part}`)
    this.#options = [...COMMON, ...own, `-oDir::Cache=${folder}/cache`]
    if (sources === undefined) return
    const file = join(folder, 'sources.list')
    writeFileSync(file, sources)
    this.#options.push(`-oDir::Etc::sourcelist=${file}`, '-oDir::Etc::sourceparts=-')
  }

  /** Fetches the lists. One that others failed to publish does not matter: what is missing shows later. */
  update() {
    spawnSync('apt-get', [...this.#options, 'update'], { stdio: 'ignore' })
  }

  /** Where the machine has the main part of Debian's `release` from. @throws {Unavailable} */
  archive(release) {
    const format = ['--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']
    const lines = command('apt-get', [...this.#options, 'indextargets', ...format]).split('\n')
    const found = lines
      .map((line) => line.split(' '))
      .find(([, name, component]) => name === release && component === 'main')
    if (found === undefined)
      throw new Unavailable(`apt here has no lists of ${release} main: no network, or not Debian`)
    return found[0]
  }

  /** The packages that `roots` need and that are not installed, as `name=version`. @throws {Unavailable} */
  missing(roots) {
    const args = ['install', '--simulate', '--no-install-recommends', ...roots]
    const lines = command('apt-get', [...this.#options, ...args]).split('\n')
    return lines.flatMap((line) => {
      const match = /^Inst (\S+) (?:\[\S+\] )?\((\S+) /.exec(line)
      return match ? [`${match[1]}=${match[2]}`] : []
    })
  }

  /** What a package depends on first that begins with `prefix`: a package that only names another. */
  dependency(name, prefix) {
    const text = command('apt-cache', [...this.#options, 'depends', name])
    const found = new RegExp(`Depends: (${prefix}\\S*)`).exec(text)?.[1]
    if (found === undefined) throw new Unavailable(`${name} names no ${prefix} package`)
    return found
  }

  /** The version of a package that would be fetched. */
  version(name) {
    const text = command('apt-cache', [...this.#options, 'show', name])
    return /^Version: (\S+)$/m.exec(text)[1]
  }

  /** Fetches packages into a folder. apt checks signatures and sums. @throws {Unavailable} */
  download(packages, folder) {
    mkdirSync(folder, { recursive: true })
    command('apt-get', [...this.#options, 'download', ...packages], { cwd: folder })
  }
}

/** A line of sources for a release of Debian. */
export function sourcesOf(archive, release) {
  return `deb [signed-by=${KEYRING}] ${archive} ${release} main\n`
}

function installedWithout(hidden) {
  const entries = readFileSync('/var/lib/dpkg/status', 'utf8').split('\n\n')
  const name = (entry) => /^Package: (\S+)$/m.exec(entry)?.[1] ?? ''
  return entries.filter((entry) => !hidden(name(entry))).join('\n\n')
}
