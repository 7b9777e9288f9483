/**
 * For the tests of programs and exporters of your own, under any test runner: what an exporter and a heap
 * must keep as cases, a clock and fences in your hand, and a look for leaks.
 *
 * @module
 */
export { ContractError, type ContractCase } from './contract.js'
export { exporterCases, type BufferMaker } from './exporter-cases.js'
export { createFakeFence, type FakeFence, type FakeFenceOptions } from './fake-fence.js'
export { heapCases } from './heap-cases.js'
export { ManualClock, useManualClock } from './manual-clock.js'
export { assertNoLeaks } from './no-leaks.js'
