// Unix sockets that carry messages together with file descriptors (messages.h), which Node's own sockets cannot.
#include "message-socket.h"
#include "messages.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

// Declares the part of libuv's stable interface that this file uses, because node-api-headers does not contain uv.h.
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

namespace {

constexpr int UV_POLL = 8;
constexpr int UV_READABLE = 1;
constexpr size_t MESSAGE_BYTES_MAX = 128 * 1024;
constexpr size_t FDS_MAX = 8;
constexpr int BURST = 16; // Messages that are taken before the event loop goes on.

Napi::Value fail(Napi::Env env, const char *what) {
  Napi::Error::New(env, std::string(what) + ": " + std::strerror(errno)).ThrowAsJavaScriptException();
  return env.Undefined();
}

// Calls a function whenever a descriptor can be read. Closes the descriptor when it is stopped.
class Watch {
public:
  const char *start(Napi::Env env, int fd, void *owner, uv_poll_cb callback) {
    fd_ = fd;
    uv_loop_s *loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return "napi_get_uv_event_loop";
    poll_ = static_cast<uv_poll_s *>(::operator new(uv_handle_size(UV_POLL)));
    if (uv_poll_init(loop, poll_, fd) != 0) {
      ::operator delete(poll_);
      poll_ = nullptr;
      return "uv_poll_init";
    }
    uv_handle_set_data(poll_, owner);
    uv_poll_start(poll_, UV_READABLE, callback);
    return nullptr;
  }

  void stop() {
    if (poll_ != nullptr) {
      uv_handle_set_data(poll_, nullptr);
      uv_close(poll_, [](uv_poll_s *poll) { ::operator delete(poll); });
    }
    poll_ = nullptr;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  int fd() const { return fd_; }

private:
  uv_poll_s *poll_ = nullptr;
  int fd_ = -1;
};

// new MessageSocket(fd, received): takes over a connected socket. Calls `received(text, fds)` for each message, whose descriptors then
// belong to the callee, and `received()` when the other side has closed its end.
class MessageSocket : public Napi::ObjectWrap<MessageSocket> {
public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "MessageSocket", {InstanceMethod<&MessageSocket::send>("send"), InstanceMethod<&MessageSocket::close>("close")});
  }

  explicit MessageSocket(const Napi::CallbackInfo &info) : Napi::ObjectWrap<MessageSocket>(info), context_(info.Env(), "nearlight:message-socket") {
    received_ = Napi::Persistent(info[1].As<Napi::Function>());
    int fd = info[0].As<Napi::Number>().Int32Value();
    const char *failed = watch_.start(info.Env(), fd, this, [](uv_poll_s *poll, int, int) {
      if (void *socket = uv_handle_get_data(poll)) static_cast<MessageSocket *>(socket)->readable();
    });
    if (failed != nullptr) fail(info.Env(), failed);
    // An object that is watched must not be collected.
    else Ref();
  }

private:
  void readable() {
    Napi::HandleScope scope(Env());
    for (int count = 0; count < BURST && watch_.fd() >= 0 && readOne(); count++) {}
  }

  // Reads one message. Returns whether there may be more.
  bool readOne() {
    std::string text(MESSAGE_BYTES_MAX, '\0');
    std::vector<int> fds;
    ssize_t length = receiveMessage(watch_.fd(), text.data(), text.size(), fds, MSG_DONTWAIT, FDS_MAX);
    if (length < 0 && errno == EAGAIN) return false;
    if (length <= 0) {
      for (int fd : fds) ::close(fd);
      stop();
      received_.MakeCallback(Env().Global(), {}, context_);
      return false;
    }
    Napi::Array numbers = Napi::Array::New(Env(), fds.size());
    for (uint32_t i = 0; i < fds.size(); i++) numbers.Set(i, fds[i]);
    Napi::String words = Napi::String::New(Env(), text.data(), static_cast<size_t>(length));
    received_.MakeCallback(Env().Global(), {words, numbers}, context_);
    return true;
  }

  // send(text, fds): sends a message. Returns false if the other side does not take it.
  Napi::Value send(const Napi::CallbackInfo &info) {
    std::string text = info[0].As<Napi::String>();
    std::vector<int> fds;
    Napi::Array numbers = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < numbers.Length() && i < FDS_MAX; i++)
      fds.push_back(numbers.Get(i).As<Napi::Number>().Int32Value());
    bool sent = !text.empty() && text.size() <= MESSAGE_BYTES_MAX && watch_.fd() >= 0 &&
                sendMessage(watch_.fd(), text.data(), text.size(), fds, MSG_DONTWAIT);
    return Napi::Boolean::New(info.Env(), sent);
  }

  Napi::Value close(const Napi::CallbackInfo &info) {
    stop();
    return info.Env().Undefined();
  }

  void stop() {
    if (watch_.fd() < 0) return;
    watch_.stop();
    Unref();
  }

  Napi::AsyncContext context_;
  Napi::FunctionReference received_;
  Watch watch_;
};

} // namespace

Napi::Function defineMessageSocket(Napi::Env env) { return MessageSocket::define(env); }
