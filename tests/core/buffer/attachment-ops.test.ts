// Goal: nothing but `pin` makes an exporter dynamic.
// Method: exporters with and without it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDynamicExporter } from '#src/core/buffer/attachment-ops.js'
import { RecordingBuffer } from '../../helpers/recording-buffer.js'

test('isDynamicExporter looks for pin, and for nothing else [C-3, API-2]', () => {
  assert.equal(isDynamicExporter(new RecordingBuffer({ dynamic: true })), true)
  assert.equal(isDynamicExporter(new RecordingBuffer({ dynamic: true, without: ['unpin'] })), true)
  assert.equal(isDynamicExporter(new RecordingBuffer({ dynamic: true, without: ['pin'] })), false)
  assert.equal(isDynamicExporter(new RecordingBuffer({ cachesMappings: true })), false)
})
