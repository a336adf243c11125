// A Node addon with which a host process gets the game of an image from the image opener (opener.cc): the module as a descriptor,
// and the assets as one block of sealed memory. The contents of the assets never enter the heap of JavaScript.
#include <napi.h>

#include "wire.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>

namespace {

constexpr size_t COPY_BYTES = 1 << 20;
// How long the event loop itself waits for the image opener, which takes less than a millisecond unless the node is busy. The
// start of a pod waits for this, and a thread of the pool would only add two wake-ups to it.
constexpr int AT_ONCE_MS_MAX = 5;

Napi::Value failErrno(Napi::Env env, const char *what) {
  Napi::Error::New(env, std::string(what) + ": " + std::strerror(errno)).ThrowAsJavaScriptException();
  return env.Undefined();
}

std::string reason(const char *what) { return std::string(what) + ": " + std::strerror(errno); }

// socketPair(): returns the descriptors of two connected sockets, the second for the image opener. The event loop sends on the
// first, so it does not wait there for an opener that reads nothing.
Napi::Value socketPair(const Napi::CallbackInfo &info) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return failErrno(info.Env(), "socketpair");
  timeval patience{0, AT_ONCE_MS_MAX * 1000};
  setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  Napi::Array fds = Napi::Array::New(info.Env(), 2);
  fds.Set(0U, pair[0]);
  fds.Set(1U, pair[1]);
  return fds;
}

// Work on a thread of libuv's pool that resolves or rejects a promise.
class Work : public Napi::AsyncWorker {
public:
  explicit Work(Napi::Env env) : Napi::AsyncWorker(env, "nearlight:image"), deferred_(env) {}
  Napi::Promise begin() {
    Queue();
    return deferred_.Promise();
  }

protected:
  void OnOK() override { deferred_.Resolve(result(Env())); }
  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }
  virtual Napi::Value result(Napi::Env env) = 0;

  Napi::Promise::Deferred deferred_;
};

// Sends a request and receives the reply up to the end of the list of assets.
class Request : public Work {
public:
  Request(Napi::Env env, int control, const Napi::Uint8Array &request)
      : Work(env), control_(control), request_(request.Data(), request.Data() + request.ByteLength()) {}
  ~Request() override {
    if (reply_ >= 0) close(reply_);
    if (module_ >= 0) close(module_);
  }

  // Sends the request, and waits for the reply here for a moment, then on another thread.
  Napi::Promise ask() {
    problem_ = send();
    if (problem_.empty() && !receive({0, AT_ONCE_MS_MAX * 1000})) return begin();
    Napi::Promise promise = settle();
    delete this;
    return promise;
  }

protected:
  void Execute() override {
    if (!receive({PATIENCE_S, 0})) problem_ = reason("it does not answer");
    if (!problem_.empty()) SetError(problem_);
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object found = Napi::Object::New(env);
    if (!failure_.empty()) {
      size_t end = failure_.find('\0');
      found.Set("code", failure_.substr(0, end));
      found.Set("message", end == std::string::npos ? "" : failure_.substr(end + 1));
      return found;
    }
    Napi::Array names = Napi::Array::New(env, names_.size()), sizes = Napi::Array::New(env, names_.size());
    for (uint32_t n = 0; n < names_.size(); n++) {
      names.Set(n, names_[n]);
      sizes.Set(n, static_cast<double>(sizes_[n]));
    }
    found.Set("module", module_);
    found.Set("reply", reply_);
    found.Set("names", names);
    found.Set("sizes", sizes);
    module_ = reply_ = -1;
    return found;
  }

private:
  Napi::Promise settle() {
    Napi::Env env = Env();
    if (problem_.empty()) deferred_.Resolve(result(env));
    else deferred_.Reject(Napi::Error::New(env, problem_).Value());
    return deferred_.Promise();
  }

  // Returns the reason for a failure; empty if there is none.
  std::string send() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return reason("socketpair");
    reply_ = pair[0];
    bool isSent = sendMessage(control_, request_.data(), request_.size(), {pair[1]});
    std::string why = isSent ? "" : reason("it cannot be asked");
    close(pair[1]);
    return why;
  }

  // Receives the reply up to the end of the list. Returns false if no more of it arrives for this long; a later call goes on.
  bool receive(timeval patience) {
    setsockopt(reply_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (problem_.empty() && !isOver_) {
      std::vector<int> fds;
      std::vector<char> message(LIST_BYTES_MAX);
      ssize_t bytes = receiveMessage(reply_, message.data(), message.size(), fds);
      if (bytes < 0 && errno == EAGAIN) return false;
      problem_ = bytes < 0 ? reason("it does not answer") : bytes == 0 ? "it has ended" : "";
      message.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
      if (bytes > 0) take(message, fds);
      for (int fd : fds) close(fd);
    }
    return true;
  }

  void take(const std::vector<char> &message, std::vector<int> &fds) {
    const char type = message[0];
    isOver_ = type == MESSAGE_LISTED || type == MESSAGE_FAILURE;
    if (type == MESSAGE_FAILURE) failure_.assign(message.begin() + 1, message.end());
    else if (type == MESSAGE_LIST) list(message);
    else if (type == MESSAGE_MODULE && fds.size() == 1 && module_ < 0) {
      module_ = fds[0];
      fds.clear();
    } else if (!isOver_) problem_ = "its answer cannot be understood";
  }

  void list(const std::vector<char> &message) {
    for (size_t at = 1; at + sizeof(uint64_t) < message.size();) {
      uint64_t bytes;
      std::memcpy(&bytes, message.data() + at, sizeof bytes);
      at += sizeof bytes;
      auto end = std::find(message.begin() + static_cast<ptrdiff_t>(at), message.end(), '\0');
      names_.emplace_back(message.begin() + static_cast<ptrdiff_t>(at), end);
      sizes_.push_back(bytes);
      at = static_cast<size_t>(end - message.begin()) + 1;
    }
  }

  int control_;
  std::vector<uint8_t> request_;
  int reply_ = -1;
  int module_ = -1;
  bool isOver_ = false;
  std::string problem_; // The fault between this process and the image opener; empty if there is none.
  std::string failure_; // A code, a zero byte and a message; empty if there is no failure.
  std::vector<std::string> names_;
  std::vector<uint64_t> sizes_;
};

// request(control, request): asks the image opener for a game. Resolves with { module, reply, names, sizes }, of which the caller
// closes the descriptors, or with { code, message }.
Napi::Value request(const Napi::CallbackInfo &info) {
  int control = info[0].As<Napi::Number>().Int32Value();
  return (new Request(info.Env(), control, info[1].As<Napi::Uint8Array>()))->ask();
}

// post(control, request): sends the image opener a request whose reply does not matter. The opener takes requests in turn.
Napi::Value post(const Napi::CallbackInfo &info) {
  Napi::Uint8Array request = info[1].As<Napi::Uint8Array>();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return failErrno(info.Env(), "socketpair");
  bool isSent = sendMessage(info[0].As<Napi::Number>().Int32Value(), request.Data(), request.ByteLength(), {pair[1]});
  Napi::Value result = isSent ? info.Env().Undefined() : failErrno(info.Env(), "it cannot be asked");
  for (int fd : pair) close(fd);
  return result;
}

// Receives the files of the assets and copies each to its place in sealed memory.
class Receipt : public Work {
public:
  Receipt(Napi::Env env, int reply, const Napi::Uint8Array &start, uint64_t bytes)
      : Work(env), reply_(reply), start_(start.Data(), start.Data() + start.ByteLength()), bytes_(bytes) {}
  ~Receipt() override {
    if (memory_ >= 0) close(memory_);
  }
  void add(uint64_t offset, uint64_t bytes) { files_.push_back({offset, bytes}); }

protected:
  void Execute() override {
    memory_ = memfd_create("nearlight-assets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory_ < 0) return SetError(reason("memfd_create"));
    if (ftruncate(memory_, static_cast<off_t>(bytes_)) != 0) return SetError(reason("ftruncate"));
    if (!put(start_.data(), start_.size(), 0)) return SetError(reason("no memory for assets"));
    buffer_.resize(COPY_BYTES);
    size_t done = 0;
    while (done < files_.size()) {
      std::vector<int> fds;
      char type = 0;
      ssize_t bytes = receiveMessage(reply_, &type, sizeof type, fds);
      std::string problem;
      if (bytes < 0) problem = reason("the files of the assets do not arrive");
      else if (type != MESSAGE_FILES || fds.empty() || done + fds.size() > files_.size())
        problem = "the image opener has ended";
      for (int fd : fds) {
        if (problem.empty()) problem = copy(fd, files_[done++]);
        close(fd);
      }
      if (!problem.empty()) return SetError(problem);
    }
    if (fcntl(memory_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
      SetError(reason("F_ADD_SEALS"));
  }

  Napi::Value result(Napi::Env env) override {
    int memory = memory_;
    memory_ = -1;
    return Napi::Number::New(env, memory);
  }

private:
  struct Place {
    uint64_t offset;
    uint64_t bytes;
  };

  bool put(const uint8_t *from, size_t count, uint64_t offset) {
    for (size_t done = 0; done < count;) {
      ssize_t written = pwrite(memory_, from + done, count - done, static_cast<off_t>(offset + done));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      done += static_cast<size_t>(written);
    }
    return true;
  }

  // Copies a file that must have exactly as many bytes as the list said. Returns what is wrong; empty if nothing is.
  std::string copy(int fd, const Place &place) {
    struct stat entry {};
    if (fstat(fd, &entry) != 0 || !S_ISREG(entry.st_mode)) return "an asset is not a file";
    const char *changed = "an asset has changed while it was read";
    if (static_cast<uint64_t>(entry.st_size) != place.bytes) return changed;
    for (uint64_t done = 0; done < place.bytes;) {
      size_t count = std::min<uint64_t>(buffer_.size(), place.bytes - done);
      ssize_t got = pread(fd, buffer_.data(), count, static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return reason("an asset cannot be read");
      if (got == 0) return changed;
      if (!put(buffer_.data(), static_cast<size_t>(got), place.offset + done)) return reason("no memory for assets");
      done += static_cast<uint64_t>(got);
    }
    return "";
  }

  int reply_;
  std::vector<uint8_t> start_; // The header, entries and names of the asset pack.
  uint64_t bytes_;
  std::vector<Place> files_;
  std::vector<uint8_t> buffer_;
  int memory_ = -1;
};

// receive(reply, start, bytes, offsets, sizes): makes sealed memory of `bytes` bytes that begins with `start` and holds the
// contents of each asset at its offset. Resolves with its descriptor.
Napi::Value receive(const Napi::CallbackInfo &info) {
  Napi::Array offsets = info[3].As<Napi::Array>(), sizes = info[4].As<Napi::Array>();
  auto at = [](const Napi::Array &list, uint32_t n) {
    return static_cast<uint64_t>(list.Get(n).As<Napi::Number>().Int64Value());
  };
  uint64_t bytes = static_cast<uint64_t>(info[2].As<Napi::Number>().Int64Value());
  Receipt *receipt =
      new Receipt(info.Env(), info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Uint8Array>(), bytes);
  for (uint32_t n = 0; n < sizes.Length(); n++) receipt->add(at(offsets, n), at(sizes, n));
  return receipt->begin();
}

// map(fd, bytes): maps sealed memory for reading. Mapping and descriptor last as long as the returned ArrayBuffer, so the
// engine cannot pass on a number that was closed and belongs to another file by then.
Napi::Value map(const Napi::CallbackInfo &info) {
  int fd = info[0].As<Napi::Number>().Int32Value();
  size_t bytes = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  void *base = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return failErrno(info.Env(), "mmap");
  return Napi::ArrayBuffer::New(info.Env(), base, bytes, [bytes, fd](Napi::Env, void *mapped) {
    munmap(mapped, bytes);
    close(fd);
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("socketPair", Napi::Function::New(env, socketPair));
  exports.Set("request", Napi::Function::New(env, request));
  exports.Set("post", Napi::Function::New(env, post));
  exports.Set("receive", Napi::Function::New(env, receive));
  exports.Set("map", Napi::Function::New(env, map));
  return exports;
}

} // namespace

NODE_API_MODULE(receiver, init)
