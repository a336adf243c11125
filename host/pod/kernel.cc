// System calls that the host process of a pod needs and Node does not offer: they change the network namespace, the mounts and
// the user of every thread in the process.
#include "filter.h"
#include "message-socket.h"
#include "peer.h"

#include <napi.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <set>
#include <signal.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

// The kernel keeps the network namespace and the capabilities per thread, and only a thread itself can change its own. We send
// each thread a signal whose handler makes the change. Threads of Mesa and of Node block every signal except the one with which
// glibc makes all threads follow setuid() (nptl(7)), so we borrow that signal while they make the change.
constexpr int JOB_SIGNAL = 33;
constexpr size_t KERNEL_MASK_BYTES = 8;
constexpr int SPINS = 2000;         // Yields before a pause: a running thread handles a signal within microseconds.
constexpr int WAIT_MS_MAX = 5000;   // How long to wait for a thread that does not respond to the signal.
constexpr int BLOCKED_MS_MAX = 200; // How long to wait for a thread that blocks signals, as new ones do under glibc.

constexpr size_t GROUPS_MAX = 16;

// A change that every thread has to make: enter a network namespace, or become another user without capabilities.
struct Job {
  int networkFd = -1; // Descriptor of the network namespace to enter; -1 to become another user.
  struct stat network {};
  uint32_t user = 0; // The user to become, and the group with the same id.
  uint32_t groups[GROUPS_MAX] = {};
  size_t groupCount = 0;
};

// The job is static, because a thread may handle its signal after we have stopped waiting for it.
Job job;
std::atomic<bool> isJobOpen{false};   // The signal handler does nothing unless this is set.
std::atomic<int> handlersRunning{0};
std::atomic<int> jobErrno{0};         // errno of a thread that failed to make the change; 0 if none did.
std::atomic<int> answers{0};          // Number of threads that have made the change or failed to.

// The system calls themselves change this thread only; glibc's functions would change all threads.
int switchUser(const Job &wanted) {
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  uint32_t user = wanted.user;
  if (syscall(SYS_setgroups, wanted.groupCount, wanted.groups) != 0) return errno;
  if (syscall(SYS_setresgid, user, user, user) != 0 || syscall(SYS_setresuid, user, user, user) != 0) return errno;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return errno;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

void runJob() {
  bool isNetwork = job.networkFd >= 0;
  int error = isNetwork ? (syscall(SYS_setns, job.networkFd, CLONE_NEWNET) == 0 ? 0 : errno) : switchUser(job);
  if (error != 0) jobErrno.store(error);
  answers.fetch_add(1);
}

void onSignal(int) {
  int before = errno;
  handlersRunning.fetch_add(1);
  if (isJobOpen.load()) runJob();
  handlersRunning.fetch_sub(1);
  errno = before;
}

// A signal's handler in the kernel's own layout. We copy handlers through system calls, because glibc's sigaction() refuses
// to touch the signal that glibc uses itself.
struct KernelAction {
  alignas(8) unsigned char bytes[64] = {};
};
KernelAction glibcAction; // glibc's own handler while we borrow its signal
bool isBorrowed = false;

void borrowSignal() {
  if (isBorrowed) return;
  // glibc knows how the kernel lays out a handler on this processor, so we let it install our handler for an unused signal and
  // copy that.
  struct sigaction ours {}, previous {};
  ours.sa_handler = onSignal;
  ours.sa_flags = SA_RESTART;
  sigfillset(&ours.sa_mask);
  KernelAction action;
  sigaction(SIGRTMAX, &ours, &previous);
  syscall(SYS_rt_sigaction, SIGRTMAX, nullptr, &action, KERNEL_MASK_BYTES);
  sigaction(SIGRTMAX, &previous, nullptr);
  syscall(SYS_rt_sigaction, JOB_SIGNAL, &action, &glibcAction, KERNEL_MASK_BYTES);
  isBorrowed = true;
}

void returnSignal() {
  syscall(SYS_rt_sigaction, JOB_SIGNAL, &glibcAction, nullptr, KERNEL_MASK_BYTES);
  isBorrowed = false;
}

// The text of /proc/self/task/TID/status; empty if the thread has ended.
std::string statusOf(pid_t thread) {
  char path[64], text[4096];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  ssize_t length = read(file, text, sizeof text);
  close(file);
  return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
}

// Returns the rest of the line in the text of /proc/.../status that starts with `name`.
std::string field(const std::string &status, const char *name) {
  size_t at = status.find(name);
  if (at == std::string::npos) return "";
  at += std::strlen(name);
  return status.substr(at, status.find('\n', at) - at);
}

// Returns a field of /proc/.../status that holds a bit mask in hexadecimal.
uint64_t mask(const std::string &status, const char *name) {
  return std::strtoull(field(status, name).c_str(), nullptr, 16);
}

// Whether a thread has entered the network namespace or become the user, according to the kernel.
bool isChanged(pid_t thread, const std::string &status) {
  if (job.networkFd < 0) {
    uint64_t every = mask(status, "\nCapEff:\t") | mask(status, "\nCapPrm:\t") | mask(status, "\nCapBnd:\t");
    std::string user = std::to_string(job.user), all = user + "\t" + user + "\t" + user + "\t" + user;
    bool isUser = field(status, "\nUid:\t") == all && field(status, "\nGid:\t") == all;
    return isUser && every == 0 && field(status, "\nNoNewPrivs:\t") == "1";
  }
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/ns/net", thread);
  struct stat own {};
  return stat(path, &own) == 0 && own.st_ino == job.network.st_ino && own.st_dev == job.network.st_dev;
}

std::vector<pid_t> threads() {
  std::vector<pid_t> found;
  DIR *folder = opendir("/proc/self/task");
  if (folder == nullptr) return found;
  while (dirent *entry = readdir(folder))
    if (entry->d_name[0] != '.') found.push_back(std::atoi(entry->d_name));
  closedir(folder);
  return found;
}

// The state of all threads, as one pass over /proc/self/task found it. Threads are written as NAME (TID).
struct Round {
  int changed = 0;
  int pauses = 0;                   // Number of 1 ms pauses in which we waited for threads.
  bool isComplete = true;           // Whether the pass over /proc/self/task saw every thread.
  std::vector<std::string> blocked; // Threads that block our signal.
  std::vector<std::string> silent;  // Threads that were signalled and have not entered the namespace or dropped privileges.
};

// Looks at every thread once. Signals those that have not entered the namespace or dropped the privileges, if they were not
// signalled before and do not block the signal.
Round signalThreads(std::set<pid_t> &signalled) {
  Round round;
  std::vector<pid_t> found = threads();
  // The kernel's list of threads ends early if one of them exits while we read it.
  round.isComplete = found.size() >= std::strtoull(field(statusOf(getpid()), "\nThreads:\t").c_str(), nullptr, 10);
  for (pid_t thread : found) {
    std::string status = statusOf(thread);
    if (status.empty()) continue;
    if (isChanged(thread, status)) {
      round.changed++;
      continue;
    }
    std::string name = field(status, "Name:\t") + " (" + std::to_string(thread) + ")";
    bool blocks = mask(status, "\nSigBlk:\t") >> (JOB_SIGNAL - 1) & 1;
    if (blocks && signalled.count(thread) == 0) {
      round.blocked.push_back(name);
      continue;
    }
    if (signalled.insert(thread).second) syscall(SYS_tgkill, getpid(), thread, JOB_SIGNAL);
    round.silent.push_back(name);
  }
  return round;
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void pause(long ns) {
  timespec time{0, ns};
  nanosleep(&time, nullptr);
}

// Signals threads until every one has entered the network namespace or dropped its privileges. Two passes in a row must find
// that, because a thread that had not changed yet may have started another one after the first pass. A thread that exits
// instead of responding drops out of the list.
Round runOnAllThreads() {
  std::set<pid_t> signalled;
  Round round;
  int clean = 0;
  int pauses = 0;
  while (jobErrno.load() == 0) {
    round = signalThreads(signalled);
    bool isClean = round.isComplete && round.silent.empty() && round.blocked.empty();
    clean = isClean ? clean + 1 : 0;
    int pausesMax = round.isComplete && round.silent.empty() ? BLOCKED_MS_MAX : WAIT_MS_MAX;
    if (clean == 2 || pauses >= pausesMax) break;
    // There must be one more answer than signals, because the calling thread makes the change without a signal.
    auto answered = [&] { return answers.load() > static_cast<int>(signalled.size()); };
    for (int spin = 0; spin < SPINS && !answered(); spin++) sched_yield();
    if (isClean || (answered() && round.blocked.empty())) continue;
    pause(1'000'000);
    pauses++;
  }
  if (!round.isComplete && round.silent.empty()) round.silent.push_back("that start and exit without end");
  round.pauses = pauses;
  return round;
}

Napi::Value fail(Napi::Env env, const std::string &why) {
  Napi::Error::New(env, why).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value failErrno(Napi::Env env, const char *what) {
  return fail(env, std::string(what) + ": " + std::strerror(errno));
}

// Makes every thread enter a network namespace or drop privileges. Returns { changed, skipped, pauses } (host/pod/kernel.ts,
// ThreadChange).
Napi::Value runEverywhere(Napi::Env env, const Job &wanted, const char *what) {
  job = wanted;
  jobErrno.store(0);
  answers.store(0);
  runJob();
  Round round;
  if (jobErrno.load() == 0) {
    borrowSignal();
    isJobOpen.store(true);
    round = runOnAllThreads();
    isJobOpen.store(false);
    // Wait for signal handlers that still use the descriptor of the network namespace.
    while (handlersRunning.load() > 0) sched_yield();
    // If a thread has yet to handle our signal, glibc's handler must not receive it: glibc expects a setuid() in progress.
    if (round.silent.empty()) returnSignal();
  }
  if (int error = jobErrno.load()) return fail(env, std::string(what) + ": " + std::strerror(error));
  if (!round.silent.empty()) return fail(env, std::string(what) + ": no response from threads " + joined(round.silent));
  Napi::Object result = Napi::Object::New(env);
  result.Set("changed", round.changed);
  result.Set("pauses", round.pauses);
  Napi::Array names = Napi::Array::New(env);
  for (size_t i = 0; i < round.blocked.size(); i++) names.Set(static_cast<uint32_t>(i), round.blocked[i]);
  result.Set("skipped", names);
  return result;
}

// Opens `path` for reading. If `root` is a descriptor of a folder, first tries to follow the path, with its mounts and links,
// as seen from that folder.
int openBelow(int root, const char *path) {
  if (root >= 0) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    int file = static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (file >= 0) return file;
  }
  return open(path, O_RDONLY | O_CLOEXEC);
}

Napi::Value enter(Napi::Env env, int root, const char *path) {
  Job wanted;
  wanted.networkFd = openBelow(root, path);
  if (wanted.networkFd < 0) return failErrno(env, "open");
  fstat(wanted.networkFd, &wanted.network);
  Napi::Value result = runEverywhere(env, wanted, "setns");
  close(wanted.networkFd);
  return result;
}

// enterNetwork(path, root): enters a network namespace; root is a descriptor of the folder in which to look for the path, or -1
Napi::Value enterNetwork(const Napi::CallbackInfo &info) {
  int root = info[1].As<Napi::Number>().Int32Value();
  return enter(info.Env(), root, info[0].As<Napi::String>().Utf8Value().c_str());
}

// newNetwork(): creates a network namespace with nothing but a loopback device, and enters it
Napi::Value newNetwork(const Napi::CallbackInfo &info) {
  // unshare() moves only this thread into a new network namespace; enter() then moves the others through a descriptor of it.
  if (unshare(CLONE_NEWNET) != 0) return failErrno(info.Env(), "unshare");
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  bool isUp = socket >= 0 && ioctl(socket, SIOCSIFFLAGS, &loopback) == 0;
  int error = errno;
  if (socket >= 0) close(socket);
  if (!isUp) return fail(info.Env(), std::string("loopback: ") + std::strerror(error));
  return enter(info.Env(), -1, "/proc/thread-self/ns/net");
}

// becomeUser(user, groups): drops all capabilities and becomes the user and group with the id `user`, with these further groups
Napi::Value becomeUser(const Napi::CallbackInfo &info) {
  Job wanted;
  wanted.user = info[0].As<Napi::Number>().Uint32Value();
  Napi::Array groups = info[1].As<Napi::Array>();
  if (wanted.user == 0 || groups.Length() > GROUPS_MAX) return fail(info.Env(), "invalid user or too many groups");
  for (uint32_t i = 0; i < groups.Length(); i++) wanted.groups[wanted.groupCount++] = groups.Get(i).As<Napi::Number>().Uint32Value();
  Napi::Value result = runEverywhere(info.Env(), wanted, "setresuid");
  // A change of the user has cleared this.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failErrno(info.Env(), "prctl");
  return result;
}

bool sharesMounts(pid_t process) {
  struct stat own {}, other {};
  std::string path = "/proc/" + std::to_string(process) + "/ns/mnt";
  return stat("/proc/self/ns/mnt", &own) == 0 && stat(path.c_str(), &other) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

// Whether this process has a mount namespace of its own; throws if not, because the whole node would see its mounts.
// Process 1 is always in the node's namespace, but may have privileges that forbid us to look; our parent never does. If this
// is process 1 of a namespace of process ids, the supervisor has given it mounts of its own, too.
bool ownsMounts(Napi::Env env) {
  bool isNodes = getpid() != 1 && (sharesMounts(1) || sharesMounts(getppid()));
  if (isNodes) fail(env, "this is the node's mount namespace");
  return !isNodes;
}

// bindMount(source, target, readOnly): mounts a file or folder over another one
Napi::Value bindMount(const Napi::CallbackInfo &info) {
  std::string source = info[0].As<Napi::String>(), target = info[1].As<Napi::String>();
  if (!ownsMounts(info.Env())) return info.Env().Undefined();
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) return failErrno(info.Env(), "mount");
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (info[2].As<Napi::Boolean>() && mount(nullptr, target.c_str(), nullptr, flags, nullptr) != 0) {
    Napi::Value why = failErrno(info.Env(), "mount read-only");
    umount2(target.c_str(), MNT_DETACH);
    return why;
  }
  return info.Env().Undefined();
}

// reopenReadOnly(part): replaces each descriptor of a file with `part` in its path by one that can only read. Returns their number.
Napi::Value reopenReadOnly(const Napi::CallbackInfo &info) {
  std::string part = info[0].As<Napi::String>();
  DIR *folder = opendir("/proc/self/fd");
  if (folder == nullptr) return failErrno(info.Env(), "/proc/self/fd");
  int count = 0;
  while (dirent *entry = readdir(folder)) {
    char target[4096];
    std::string path = std::string("/proc/self/fd/") + entry->d_name;
    ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length < 0 || std::string(target, static_cast<size_t>(length)).find(part) == std::string::npos) continue;
    int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    bool isReplaced = file >= 0 && dup3(file, std::atoi(entry->d_name), O_CLOEXEC) >= 0;
    Napi::Value why = isReplaced ? info.Env().Undefined() : failErrno(info.Env(), path.c_str());
    if (file >= 0) close(file);
    if (!isReplaced) {
      closedir(folder);
      return why;
    }
    count++;
  }
  closedir(folder);
  return Napi::Number::New(info.Env(), count);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("enterNetwork", Napi::Function::New(env, enterNetwork));
  exports.Set("newNetwork", Napi::Function::New(env, newNetwork));
  exports.Set("bindMount", Napi::Function::New(env, bindMount));
  exports.Set("peerProcess", Napi::Function::New(env, peerProcess));
  exports.Set("reopenReadOnly", Napi::Function::New(env, reopenReadOnly));
  exports.Set("becomeUser", Napi::Function::New(env, becomeUser));
  exports.Set("filterSystemCalls", Napi::Function::New(env, filterSystemCalls));
  exports.Set("MessageSocket", defineMessageSocket(env));
  return exports;
}

} // namespace

NODE_API_MODULE(kernel, init)
