/** A peer that can be measured here, or what to do so that it can. */
export type Availability<T> =
  { readonly ready: T } | { readonly missing: string; readonly ready?: undefined }
