// Credentials of the process at the other end of a unix socket.
#pragma once

#include <napi.h>

// peerProcess(fd): the id of the process that connected, as the kernel recorded it; throws for a descriptor that is no unix
// socket
Napi::Value peerProcess(const Napi::CallbackInfo &info);
