// Goal: the flags of files, polls and mappings are the machine's.
// Method: the C compiler's view of the system's headers.
import { test } from 'node:test'
import * as uapi from '#src/uapi/file.js'
import { assertLayout, uapiLayout } from '../helpers/uapi-layout.js'

test('The flags of files are those of the system headers', (t) => {
  const layout = uapiLayout(t)
  if (layout === undefined) return
  assertLayout(layout, { ...uapi })
})
