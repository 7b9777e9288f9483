// Tests, fuzzer and chaos use what the simulator's seeds are replayed with.
export { Random } from '../../sim/engine/random.js'
