import { writeFile } from 'node:fs/promises'
import { ContactSheet } from '../media/contact-sheet.js'
import { pictureOf } from './frame-picture.js'
import { rehearse } from './rehearse.js'
import type { ViewerRole } from './viewer.js'

/** Keeps small pictures of the newest frames, and writes them as one PNG at the end. */
export function pictureViewer(contactSheet: string | undefined): ViewerRole {
  let sheet: ContactSheet | undefined
  return {
    mode: 'latest',
    maxHeld: 1,
    rehearse() {
      rehearse(({ frame, picture }) => new ContactSheet(picture).offer(frame))
    },
    look(frame) {
      using held = frame
      const seen = pictureOf(held)
      if (seen === undefined) return {}
      sheet ??= new ContactSheet(seen.picture)
      sheet.offer(seen.frame)
      return {}
    },
    async end() {
      const png = sheet?.encode()
      if (contactSheet === undefined || png === undefined) return {}
      await writeFile(contactSheet, png)
      return { contactSheet }
    },
  }
}
