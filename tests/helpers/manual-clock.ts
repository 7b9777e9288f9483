// The clock that users get for their tests.
export { ManualClock, useManualClock } from '#src/testing/manual-clock.js'
