#include "root.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

// Where the new root is mounted while it is built. Nothing that it shows is in there.
const std::string STAGE = "/proc";

constexpr unsigned long SAFE = MS_NOSUID | MS_NODEV;

struct Entry {
  std::string kind;
  std::string target;
  std::string source;
};

bool sharesMounts(pid_t process) {
  struct stat own {}, other {};
  std::string path = "/proc/" + std::to_string(process) + "/ns/mnt";
  return stat("/proc/self/ns/mnt", &own) == 0 && stat(path.c_str(), &other) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

// Whether this process has a mount namespace of its own. Without one, the whole node would lose its root.
// Process 1 is always in the node's namespace, but may have privileges that forbid us to look; our parent never does. If this
// is process 1 of a namespace of process ids, the supervisor has given it mounts of its own, too.
bool ownsMounts() { return getpid() == 1 || (!sharesMounts(1) && !sharesMounts(getppid())); }

bool mountMemory(const std::string &folder, unsigned long flags, const char *options) {
  return mount("host", folder.c_str(), "tmpfs", flags, options) == 0;
}

// Makes the folders above a path of the new root.
bool makeParents(const std::string &target) {
  for (size_t at = target.find('/', 1); at != std::string::npos; at = target.find('/', at + 1))
    if (mkdir((STAGE + target.substr(0, at)).c_str(), 0755) != 0 && errno != EEXIST) return false;
  return true;
}

// Makes the folder or the empty file on which something is mounted.
bool makePlace(const std::string &place, bool isFolder) {
  if (isFolder) return mkdir(place.c_str(), 0755) == 0 || errno == EEXIST;
  int file = open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
  if (file < 0) return false;
  close(file);
  return true;
}

// Mounts a file or folder read-only. Devices stay usable, because only regular files can be written to no longer.
bool show(const std::string &source, const std::string &place) {
  struct stat found {};
  if (stat(source.c_str(), &found) != 0 || !makePlace(place, S_ISDIR(found.st_mode))) return false;
  if (mount(source.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID;
  bool isDevice = S_ISCHR(found.st_mode) || source.rfind("/dev/", 0) == 0;
  return mount(nullptr, place.c_str(), nullptr, flags | (isDevice ? MS_NOEXEC : MS_NODEV), nullptr) == 0;
}

bool add(const Entry &entry) {
  const auto &[kind, target, source] = entry;
  std::string place = STAGE + target;
  if (!makeParents(target)) return false;
  if (kind == "read") return show(source, place);
  if (kind == "link") return symlink(source.c_str(), place.c_str()) == 0 || errno == EEXIST;
  if (kind == "hidden") return mountMemory(place, SAFE | MS_NOEXEC | MS_RDONLY, "size=4k,nr_inodes=1,mode=0555");
  if (!makePlace(place, true)) return false;
  if (kind == "memory") return mountMemory(place, SAFE | MS_NOEXEC, "size=1m,nr_inodes=64,mode=0755");
  return mount("proc", place.c_str(), "proc", SAFE | MS_NOEXEC, nullptr) == 0;
}

// With equal arguments, pivot_root(2) stacks the old root on the new one, where it is unmounted. All threads follow.
bool pivot() {
  return chdir(STAGE.c_str()) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
         chdir("/") == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

Napi::Value fail(Napi::Env env, const std::string &why) {
  Napi::Error::New(env, why).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value failErrno(Napi::Env env, const std::string &what) { return fail(env, what + ": " + std::strerror(errno)); }

} // namespace

Napi::Value emptyRoot(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!ownsMounts()) return fail(env, "this is the node's mount namespace");
  if (!mountMemory(STAGE, SAFE | MS_NOEXEC, "size=1m,nr_inodes=4096,mode=0755")) return failErrno(env, STAGE);
  Napi::Array entries = info[0].As<Napi::Array>();
  for (uint32_t n = 0; n < entries.Length(); n++) {
    Napi::Array words = entries.Get(n).As<Napi::Array>();
    auto word = [&](uint32_t at) { return words.Get(at).As<Napi::String>().Utf8Value(); };
    Entry entry{word(0), word(1), word(2)};
    if (!add(entry)) return failErrno(env, entry.kind + " " + entry.target);
  }
  if (mount(nullptr, STAGE.c_str(), nullptr, MS_REMOUNT | MS_RDONLY | MS_NOEXEC | SAFE, nullptr) != 0 || !pivot())
    return failErrno(env, "pivot_root");
  return env.Undefined();
}
