// Unix sockets that carry messages together with file descriptors (message-socket.cc).
#pragma once
#include <napi.h>

// Returns the class MessageSocket.
Napi::Function defineMessageSocket(Napi::Env env);

// streamPair(): returns the descriptors of two connected sockets for a stream of bytes, which messages can carry
Napi::Value streamPair(const Napi::CallbackInfo &info);

// sendDescriptor(socket, bytes, fd): sends bytes together with a descriptor. Returns false if they do not all fit into the socket.
Napi::Value sendDescriptor(const Napi::CallbackInfo &info);

// duplicate(fd): returns another descriptor of the same open file
Napi::Value duplicate(const Napi::CallbackInfo &info);
