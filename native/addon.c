// The table of every function this addon gives to src/linux/native.ts, one family per file.
#include "families.h"
#include "owned.h"

void export_all(napi_env env, napi_value exports, const export_t *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, list[i].name, NAPI_AUTO_LENGTH, list[i].call, NULL, &function) ==
        napi_ok)
      napi_set_named_property(env, exports, list[i].name, function);
  }
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  open_owned(env);
  export_owned(env, exports);
  export_fd(env, exports);
  export_mapping(env, exports);
  export_words(env, exports);
  export_futex(env, exports);
  export_socket(env, exports);
  export_message(env, exports);
  export_poll(env, exports);
  export_doorbell(env, exports);
  export_ioctl(env, exports);
  export_heap(env, exports);
  export_pipe(env, exports);
  return exports;
}
