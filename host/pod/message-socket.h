// Unix sockets that carry messages together with file descriptors (message-socket.cc).
#pragma once
#include <napi.h>

// Returns the class MessageSocket.
Napi::Function defineMessageSocket(Napi::Env env);
