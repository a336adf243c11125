#include "peer.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>

Napi::Value peerProcess(const Napi::CallbackInfo &info) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(info[0].As<Napi::Number>().Int32Value(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0)
    return Napi::Number::New(info.Env(), peer.pid);
  Napi::Error::New(info.Env(), std::string("SO_PEERCRED: ") + std::strerror(errno)).ThrowAsJavaScriptException();
  return info.Env().Undefined();
}
