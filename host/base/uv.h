// The part of libuv's stable interface that the Node addons use, because node-api-headers does not contain uv.h. A poll handle
// calls a function on the event loop when a descriptor can be read.
#pragma once
#include <cstddef>

extern "C" {
struct uv_loop_s;
struct uv_poll_s;
typedef void (*uv_poll_cb)(uv_poll_s *, int status, int events);
typedef void (*uv_close_cb)(uv_poll_s *);
size_t uv_handle_size(int type);
void *uv_handle_get_data(const uv_poll_s *);
void uv_handle_set_data(uv_poll_s *, void *);
int uv_poll_init(uv_loop_s *, uv_poll_s *, int fd);
int uv_poll_start(uv_poll_s *, int events, uv_poll_cb);
void uv_close(uv_poll_s *, uv_close_cb);
}

constexpr int UV_POLL = 8;
constexpr int UV_READABLE = 1;
