// Unix sockets that carry messages together with file descriptors (message-socket.cc).
#pragma once
#include <napi.h>

// Returns the class MessageSocket.
Napi::Function defineMessageSocket(Napi::Env env);

// streamPair(): returns the descriptors of two connected sockets for a stream of bytes, which messages can carry
Napi::Value streamPair(const Napi::CallbackInfo &info);
