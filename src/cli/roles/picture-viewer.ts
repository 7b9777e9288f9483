import { writeFile } from 'node:fs/promises'
import { ContactSheet } from '../media/contact-sheet.js'
import { pictureOf, type ViewerRole } from './viewer.js'

/** Keeps small pictures of the newest frames, and writes them as one PNG at the end. */
export function pictureViewer(contactSheet: string | undefined): ViewerRole {
  let sheet: ContactSheet | undefined
  return {
    mode: 'latest',
    maxHeld: 1,
    look(frame) {
      using held = frame
      sheet ??= new ContactSheet(pictureOf(held))
      sheet.offer({ bytes: held.bytes, planes: held.format?.planes ?? [] })
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
