// Credentials of the process at the other end of a unix socket.
#pragma once

#include <napi.h>

// peerProcess(fd): the id of the process that connected, as the kernel recorded it; throws if the descriptor is not
// a unix socket
Napi::Value peerProcess(const Napi::CallbackInfo &info);
