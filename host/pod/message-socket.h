// Unix sockets that carry messages together with file descriptors (message-socket.cc).
#pragma once
#include <napi.h>

// Exports the class MessageSocket and the functions for messages that carry descriptors.
void exportMessageSocket(Napi::Env env, Napi::Object exports);
