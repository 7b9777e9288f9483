// Reading arguments and returning results. Every exported function returns a number >= 0 or -errno;
// meaning is checked in TypeScript, here only what could corrupt memory.
#ifndef DMABUF_NAPI_UTIL_H
#define DMABUF_NAPI_UTIL_H

#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAX_ARGUMENTS 8

typedef struct {
  size_t count;
  napi_value values[MAX_ARGUMENTS];
} arguments_t;

static inline arguments_t arguments(napi_env env, napi_callback_info info) {
  arguments_t result = {.count = MAX_ARGUMENTS};
  napi_get_cb_info(env, info, &result.count, result.values, NULL, NULL);
  return result;
}

static inline int32_t int_argument(napi_env env, const arguments_t *args, size_t index) {
  int32_t value = -1;
  if (index < args->count) napi_get_value_int32(env, args->values[index], &value);
  return value;
}

// A descriptor; -1, which is never open, for anything but an integer in range: NaN must not mean stdin.
static inline int fd_argument(napi_env env, const arguments_t *args, size_t index) {
  double value = -1;
  if (index < args->count) napi_get_value_double(env, args->values[index], &value);
  return value >= 0 && value <= INT32_MAX && value == (int)value ? (int)value : -1;
}

static inline uint32_t uint_argument(napi_env env, const arguments_t *args, size_t index) {
  uint32_t value = 0;
  if (index < args->count) napi_get_value_uint32(env, args->values[index], &value);
  return value;
}

// Safe integers (lengths, offsets) come as JS numbers; anything else reads as -1.
static inline int64_t long_argument(napi_env env, const arguments_t *args, size_t index) {
  double value = -1;
  if (index < args->count) napi_get_value_double(env, args->values[index], &value);
  return value >= 0 && value <= 9007199254740991.0 ? (int64_t)value : -1;
}

typedef struct {
  uint8_t *data;
  size_t length;
} bytes_t;

// A Uint8Array or Int32Array; data is NULL where the argument is something else.
static inline bytes_t bytes_argument(napi_env env, const arguments_t *args, size_t index) {
  bytes_t bytes = {NULL, 0};
  bool is_array = false;
  if (index >= args->count) return bytes;
  if (napi_is_typedarray(env, args->values[index], &is_array) != napi_ok || !is_array) return bytes;
  napi_typedarray_type type;
  size_t length = 0;
  void *data = NULL;
  napi_get_typedarray_info(env, args->values[index], &type, &length, &data, NULL, NULL);
  if (type != napi_uint8_array && type != napi_int32_array) return bytes;
  bytes.data = data;
  bytes.length = type == napi_int32_array ? length * 4 : length;
  return bytes;
}

// Copies a string argument; returns its length, or -errno where it does not fit.
static inline int string_argument(napi_env env, const arguments_t *args, size_t index, char *into,
                                  size_t capacity) {
  size_t length = 0;
  if (index >= args->count) return -EINVAL;
  if (napi_get_value_string_utf8(env, args->values[index], NULL, 0, &length) != napi_ok)
    return -EINVAL;
  if (length >= capacity) return -ENAMETOOLONG;
  napi_get_value_string_utf8(env, args->values[index], into, capacity, &length);
  return (int)length;
}

static inline napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  if (value >= INT32_MIN && value <= INT32_MAX)
    napi_create_int32(env, (int32_t)value, &result);
  else
    napi_create_int64(env, value, &result);
  return result;
}

// The result of a system call that reports through errno.
static inline napi_value result_of(napi_env env, int64_t value) {
  return number(env, value < 0 ? -errno : value);
}

typedef struct {
  const char *name;
  napi_callback call;
} export_t;

void export_all(napi_env env, napi_value exports, const export_t *list, size_t count);

#define EXPORT(env, exports, list) export_all(env, exports, list, sizeof(list) / sizeof((list)[0]))

#endif
