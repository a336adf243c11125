// A Node addon for two things that Node does not offer: memory shared with a child process, and a socket that wakes the
// event loop.
#include "../../base/uv.h"

#include <napi.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;
#endif

// Throws a JavaScript error that names the failed call and the reason in errno.
Napi::Value fail(Napi::Env env, const char *what) {
  Napi::Error::New(env, std::string(what) + ": " + std::strerror(errno)).ThrowAsJavaScriptException();
  return env.Undefined();
}

// Creates an anonymous memory file. Kernels before 6.3 reject the flag MFD_EXEC, and make every memory file executable anyway.
int createMemory(const char *name, unsigned mode) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | mode);
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  return fd;
}

// sealed(bytes): returns a file descriptor of memory that holds these bytes and can never be changed.
Napi::Value sealed(const Napi::CallbackInfo &info) {
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  int fd = createMemory("nearlight-code", MFD_EXEC);
  if (fd < 0) return fail(info.Env(), "memfd_create");
  for (size_t done = 0; done < bytes.ByteLength();) {
    ssize_t count = write(fd, bytes.Data() + done, bytes.ByteLength() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      close(fd);
      return fail(info.Env(), "write");
    }
    done += static_cast<size_t>(count);
  }
  fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  return Napi::Number::New(info.Env(), fd);
}

// memory(): returns a file descriptor of empty memory, to which another process can write.
Napi::Value memory(const Napi::CallbackInfo &info) {
  int fd = createMemory("nearlight-native", 0);
  if (fd < 0) return fail(info.Env(), "memfd_create");
  return Napi::Number::New(info.Env(), fd);
}

// new Channel(bytes, wake): creates memory to share with a child process, and a socket to the child. Calls `wake(closed)` when
// the child sends something or closes its end of the socket. The size of the memory is sealed, so that the child cannot shrink
// it while the host uses it.
class Channel : public Napi::ObjectWrap<Channel> {
public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Channel",
                       {InstanceAccessor<&Channel::memory>("memory"), InstanceAccessor<&Channel::childFds>("childFds"),
                        InstanceMethod<&Channel::releaseChild>("releaseChild"),
                        InstanceMethod<&Channel::send>("send"), InstanceMethod<&Channel::close>("close")});
  }

  explicit Channel(const Napi::CallbackInfo &info)
      : Napi::ObjectWrap<Channel>(info), context_(info.Env(), "nearlight:channel") {
    bytes_ = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    wake_ = Napi::Persistent(info[1].As<Napi::Function>());
    receiver_ = Napi::Persistent(info.This().As<Napi::Object>());
    const char *failed = openMemory(info.Env());
    if (failed == nullptr) failed = openSocket(info.Env());
    if (failed == nullptr) return;
    fail(info.Env(), failed);
    release();
  }

  ~Channel() override { release(); }

private:
  const char *openMemory(Napi::Env env) {
    memoryFd_ = createMemory("nearlight-mapping", 0);
    if (memoryFd_ < 0) return "memfd_create";
    if (ftruncate(memoryFd_, static_cast<off_t>(bytes_)) != 0) return "ftruncate";
    if (fcntl(memoryFd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return "F_ADD_SEALS";
    void *base = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memoryFd_, 0);
    if (base == MAP_FAILED) return "mmap";
    base_ = base;
    buffer_ = Napi::Persistent(Napi::ArrayBuffer::New(env, base_, bytes_));
    return nullptr;
  }

  const char *openSocket(Napi::Env env) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return "socketpair";
    socket_ = pair[0];
    childSocket_ = pair[1];
    uv_loop_s *loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return "napi_get_uv_event_loop";
    poll_ = static_cast<uv_poll_s *>(::operator new(uv_handle_size(UV_POLL)));
    if (uv_poll_init(loop, poll_, socket_) != 0) {
      ::operator delete(poll_);
      poll_ = nullptr;
      return "uv_poll_init";
    }
    uv_handle_set_data(poll_, this);
    uv_poll_start(poll_, UV_READABLE, [](uv_poll_s *poll, int, int) {
      if (void *channel = uv_handle_get_data(poll)) static_cast<Channel *>(channel)->readable();
    });
    napi_add_env_cleanup_hook(env, atExit, this);
    hooked_ = true;
    return nullptr;
  }

  static void atExit(void *channel) {
    static_cast<Channel *>(channel)->hooked_ = false;
    static_cast<Channel *>(channel)->stop();
  }

  // Reads and discards what the child process has sent on the socket, since only its arrival matters. Reads a bounded amount
  // and wakes the host once, so that a child that floods the socket cannot keep the event loop busy.
  void readable() {
    Napi::Env env = Env();
    Napi::HandleScope scope(env);
    uint8_t bytes[16];
    bool closed = false;
    for (int i = 0; i < 16 && !closed; i++) {
      ssize_t count = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
      closed = count <= 0;
    }
    if (closed) stop();
    wake_.MakeCallback(receiver_.Value(), {Napi::Boolean::New(env, closed)}, context_);
  }

  Napi::Value memory(const Napi::CallbackInfo &) { return buffer_.Value(); }

  Napi::Value childFds(const Napi::CallbackInfo &info) {
    Napi::Array fds = Napi::Array::New(info.Env(), 2);
    fds.Set(0U, memoryFd_);
    fds.Set(1U, childSocket_);
    return fds;
  }

  // Closes this process's copies of the file descriptors that the child process has inherited.
  Napi::Value releaseChild(const Napi::CallbackInfo &info) {
    closeFd(memoryFd_);
    closeFd(childSocket_);
    return info.Env().Undefined();
  }

  // send(...fds): sends the child process one byte and up to two file descriptors. Returns false if that fails, for example
  // because the child has closed its end of the socket.
  Napi::Value send(const Napi::CallbackInfo &info) {
    uint8_t byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (size_t count = info.Length() < 2 ? info.Length() : 2) {
      int fds[2];
      for (size_t i = 0; i < count; i++) fds[i] = info[i].As<Napi::Number>().Int32Value();
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(count * sizeof(int));
      cmsghdr *header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(count * sizeof(int));
      std::memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    bool sent = socket_ >= 0 && sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
    return Napi::Boolean::New(info.Env(), sent);
  }

  Napi::Value close(const Napi::CallbackInfo &info) {
    release();
    return info.Env().Undefined();
  }

  void stop() {
    if (poll_ != nullptr) {
      uv_handle_set_data(poll_, nullptr);
      uv_close(poll_, [](uv_poll_s *poll) { ::operator delete(poll); });
      poll_ = nullptr;
    }
    closeFd(socket_);
  }

  // Releases the memory and the sockets. Detaches the ArrayBuffer before it unmaps the memory, so that no view can reach it.
  void release() {
    stop();
    if (hooked_) napi_remove_env_cleanup_hook(Env(), atExit, this);
    hooked_ = false;
    if (!buffer_.IsEmpty()) {
      Napi::HandleScope scope(Env());
      buffer_.Value().Detach();
      buffer_.Reset();
    }
    wake_.Reset();
    receiver_.Reset();
    if (base_ != nullptr) munmap(base_, bytes_);
    base_ = nullptr;
    closeFd(memoryFd_);
    closeFd(childSocket_);
  }

  static void closeFd(int &fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }

  Napi::AsyncContext context_;
  Napi::FunctionReference wake_;
  Napi::ObjectReference receiver_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  uv_poll_s *poll_ = nullptr;
  void *base_ = nullptr;
  size_t bytes_ = 0;
  int memoryFd_ = -1;
  int childSocket_ = -1;
  int socket_ = -1;
  bool hooked_ = false;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Channel", Channel::define(env));
  exports.Set("memory", Napi::Function::New<memory>(env));
  exports.Set("sealed", Napi::Function::New<sealed>(env));
  return exports;
}

} // namespace

NODE_API_MODULE(nearlight, init)
