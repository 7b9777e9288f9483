// Single words of a mapped page, for runtimes that forbid external memory (Electron).
#include "families.h"
#include "mapping.h"

// load(handle, offset) -> the word as a signed 32-bit number, sequentially consistent; NaN-free errors throw.
static napi_value load(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  uint32_t *word = mapping_word(mapping_argument(env, &args, 0), long_argument(env, &args, 1));
  if (word == NULL) {
    napi_throw_range_error(env, NULL, "Word outside the mapping");
    return NULL;
  }
  return number(env, (int32_t)__atomic_load_n(word, __ATOMIC_SEQ_CST));
}

// store(handle, offset, value) -> 0
static napi_value store(napi_env env, napi_callback_info info) {
  arguments_t args = arguments(env, info);
  mapping_t *mapping = mapping_argument(env, &args, 0);
  uint32_t *word = mapping_word(mapping, long_argument(env, &args, 1));
  if (word == NULL || !mapping->writable) {
    napi_throw_range_error(env, NULL, "Word outside the mapping or read only");
    return NULL;
  }
  __atomic_store_n(word, (uint32_t)int_argument(env, &args, 2), __ATOMIC_SEQ_CST);
  return number(env, 0);
}

void export_words(napi_env env, napi_value exports) {
  const export_t list[] = {{"load", load}, {"store", store}};
  EXPORT(env, exports, list);
}
