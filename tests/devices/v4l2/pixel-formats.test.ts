// Goal: V4L2's names for formats are DRM's where they mean the same bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseFormat, pixelFormat } from '#src/devices/v4l2/pixel-formats.js'

test('pixelFormat names the three-byte RGB formats the other way round, as DRM does', () => {
  assert.equal(pixelFormat('RGB3')?.fourcc, 'BG24')
  assert.equal(pixelFormat('BGR3')?.fourcc, 'RG24')
  assert.equal(pixelFormat('GREY')?.fourcc, 'R8  ')
  assert.equal(pixelFormat('NM12')?.fourcc, 'NV12')
  assert.equal(pixelFormat('JPEG')?.fourcc, 'MJPG')
  assert.equal(pixelFormat('H264'), undefined)
  assert.equal(pixelFormat('toString'), undefined)
})

test('chooseFormat takes the easiest where nothing is asked', () => {
  assert.equal(chooseFormat(['MJPG', 'YUYV'], undefined), 'YUYV')
  assert.equal(chooseFormat(['H264', 'MJPG'], undefined), 'MJPG')
  assert.equal(chooseFormat(['H264'], undefined), undefined)
})

test('chooseFormat takes one buffer rather than several, and a V4L2 name literally', () => {
  assert.equal(chooseFormat(['NM12', 'NV12'], 'NV12'), 'NV12')
  assert.equal(chooseFormat(['NM12'], 'NV12'), 'NM12')
  assert.equal(chooseFormat(['NM12', 'NV12'], 'NM12'), 'NM12')
  assert.equal(chooseFormat(['RGB3'], 'BG24'), 'RGB3')
  assert.equal(chooseFormat(['H264'], 'H264'), 'H264')
  assert.equal(chooseFormat(['YUYV'], 'NV12'), undefined)
})
