#ifndef DMABUF_FAMILIES_H
#define DMABUF_FAMILIES_H

#include "napi_util.h"

void export_owned(napi_env env, napi_value exports);
void export_fd(napi_env env, napi_value exports);
void export_mapping(napi_env env, napi_value exports);
void export_words(napi_env env, napi_value exports);
void export_futex(napi_env env, napi_value exports);
void export_socket(napi_env env, napi_value exports);
void export_message(napi_env env, napi_value exports);
void export_poll(napi_env env, napi_value exports);
void export_doorbell(napi_env env, napi_value exports);
void export_ioctl(napi_env env, napi_value exports);
void export_heap(napi_env env, napi_value exports);
void export_pipe(napi_env env, napi_value exports);

#endif
