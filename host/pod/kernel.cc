// What a pod's host needs of the kernel and Node lacks: namespaces, mounts and privileges, for every thread of the process.
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

// The kernel keeps a network namespace and capabilities per thread, so each thread has to change its own: a signal makes
// it. Mesa's and some of Node's threads block all signals but the one by which glibc makes every thread follow setuid()
// (nptl(7)); that one is borrowed for as long as a job runs.
constexpr int jobSignal = 33;
constexpr size_t kernelMaskBytes = 8;
constexpr int spins = 2000;       // a thread that runs takes the signal in microseconds
constexpr int waitMsMax = 1000;   // for one that does not
constexpr int blockedMsMax = 200; // glibc blocks everything in a thread that begins, until that first runs

struct Job {
  int networkFd = -1; // setns to it
  struct stat network {};
  uint64_t keep = 0; // or keep only these capabilities
};

// Static, as a thread may take its signal when nobody waits for it any more.
Job job;
std::atomic<bool> isOpen{false};
std::atomic<int> inside{0};
std::atomic<int> failed{0};
std::atomic<int> answers{0};

int dropTo(uint64_t keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int word = 0; word < 2; word++)
    data[word].effective = data[word].permitted = static_cast<uint32_t>(keep >> (32 * word));
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
    if (!(keep >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, data) != 0) return errno;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

void runJob() {
  bool isNetwork = job.networkFd >= 0;
  int error = isNetwork ? (syscall(SYS_setns, job.networkFd, CLONE_NEWNET) == 0 ? 0 : errno) : dropTo(job.keep);
  if (error != 0) failed.store(error);
  answers.fetch_add(1);
}

void onSignal(int) {
  int before = errno;
  inside.fetch_add(1);
  if (isOpen.load()) runJob();
  inside.fetch_sub(1);
  errno = before;
}

// As the kernel has it: glibc lets nobody near its own signal.
struct KernelAction {
  alignas(8) unsigned char bytes[64] = {};
};
KernelAction glibcs;
bool isBorrowed = false;

void borrowSignal() {
  if (isBorrowed) return;
  // glibc writes an action as this processor's kernel wants it: let it do so for a signal that is free.
  struct sigaction ours {}, previous {};
  ours.sa_handler = onSignal;
  ours.sa_flags = SA_RESTART;
  sigfillset(&ours.sa_mask);
  KernelAction action;
  sigaction(SIGRTMAX, &ours, &previous);
  syscall(SYS_rt_sigaction, SIGRTMAX, nullptr, &action, kernelMaskBytes);
  sigaction(SIGRTMAX, &previous, nullptr);
  syscall(SYS_rt_sigaction, jobSignal, &action, &glibcs, kernelMaskBytes);
  isBorrowed = true;
}

void returnSignal() {
  syscall(SYS_rt_sigaction, jobSignal, &glibcs, nullptr, kernelMaskBytes);
  isBorrowed = false;
}

// /proc/self/task/TID/status; empty for a thread that is gone.
std::string statusOf(pid_t thread) {
  char path[64], text[4096];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  ssize_t length = read(file, text, sizeof text);
  close(file);
  return std::string(text, length > 0 ? static_cast<size_t>(length) : 0);
}

std::string field(const std::string &status, const char *name) {
  size_t at = status.find(name);
  if (at == std::string::npos) return "";
  at += std::strlen(name);
  return status.substr(at, status.find('\n', at) - at);
}

uint64_t mask(const std::string &status, const char *name) {
  return std::strtoull(field(status, name).c_str(), nullptr, 16);
}

// Whether the kernel says that a thread is as the job wants it.
bool isChanged(pid_t thread, const std::string &status) {
  if (job.networkFd < 0) {
    uint64_t every = mask(status, "\nCapEff:\t") | mask(status, "\nCapPrm:\t") | mask(status, "\nCapBnd:\t");
    return (every & ~job.keep) == 0 && field(status, "\nNoNewPrivs:\t") == "1";
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

struct Round {
  int changed = 0;
  bool isWhole = true;
  std::vector<std::string> blocked; // NAME (TID)
  std::vector<std::string> silent;  // were told and are still as they were
};

// Looks at every thread, and tells those that are not changed yet and were not told before.
Round tell(std::set<pid_t> &told) {
  Round round;
  std::vector<pid_t> found = threads();
  // The kernel ends the list early where a thread exits under it.
  round.isWhole = found.size() >= std::strtoull(field(statusOf(getpid()), "\nThreads:\t").c_str(), nullptr, 10);
  for (pid_t thread : found) {
    std::string status = statusOf(thread);
    if (status.empty()) continue;
    if (isChanged(thread, status)) {
      round.changed++;
      continue;
    }
    std::string name = field(status, "Name:\t") + " (" + std::to_string(thread) + ")";
    bool blocks = mask(status, "\nSigBlk:\t") >> (jobSignal - 1) & 1;
    if (blocks && told.count(thread) == 0) {
      round.blocked.push_back(name);
      continue;
    }
    if (told.insert(thread).second) syscall(SYS_tgkill, getpid(), thread, jobSignal);
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

// Until every thread is changed, which has to be found twice: one that was not listed yet may have been begun by one that
// was not changed yet. A thread that exits instead of answering is not waited for.
Round tellAll() {
  std::set<pid_t> told;
  Round round;
  int clean = 0;
  for (int waitedMs = 0; failed.load() == 0;) {
    round = tell(told);
    bool isClean = round.isWhole && round.silent.empty() && round.blocked.empty();
    clean = isClean ? clean + 1 : 0;
    int wait = round.isWhole && round.silent.empty() ? blockedMsMax : waitMsMax;
    if (clean == 2 || waitedMs >= wait) break;
    // This thread has answered too.
    auto answered = [&] { return answers.load() > static_cast<int>(told.size()); };
    for (int spin = 0; spin < spins && !answered(); spin++) sched_yield();
    if (isClean || (answered() && round.blocked.empty())) continue;
    pause(1'000'000);
    waitedMs++;
  }
  if (!round.isWhole && round.silent.empty()) round.silent.push_back("that begin and end without a pause");
  return round;
}

Napi::Value fail(Napi::Env env, const std::string &why) {
  Napi::Error::New(env, why).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value failErrno(Napi::Env env, const char *what) {
  return fail(env, std::string(what) + ": " + std::strerror(errno));
}

// Does `wanted` on every thread; gives { moved, skipped }, as the kernel tells it afterwards.
Napi::Value runEverywhere(Napi::Env env, const Job &wanted, const char *what) {
  job = wanted;
  failed.store(0);
  answers.store(0);
  runJob();
  Round round;
  if (failed.load() == 0) {
    borrowSignal();
    isOpen.store(true);
    round = tellAll();
    isOpen.store(false);
    // From here on nobody uses the job's descriptor.
    while (inside.load() > 0) sched_yield();
    // A signal that is still on its way must not meet glibc's handler, which would follow a setuid() that nobody called.
    if (round.silent.empty()) returnSignal();
  }
  if (int error = failed.load()) return fail(env, std::string(what) + ": " + std::strerror(error));
  if (!round.silent.empty()) return fail(env, std::string(what) + ": no answer from threads " + joined(round.silent));
  Napi::Object result = Napi::Object::New(env);
  result.Set("moved", round.changed);
  Napi::Array names = Napi::Array::New(env);
  for (size_t i = 0; i < round.blocked.size(); i++) names.Set(static_cast<uint32_t>(i), round.blocked[i]);
  result.Set("skipped", names);
  return result;
}

Napi::Value enter(Napi::Env env, const char *path) {
  Job wanted;
  wanted.networkFd = open(path, O_RDONLY | O_CLOEXEC);
  if (wanted.networkFd < 0) return failErrno(env, "open");
  fstat(wanted.networkFd, &wanted.network);
  Napi::Value result = runEverywhere(env, wanted, "setns");
  close(wanted.networkFd);
  return result;
}

// enterNetwork(path)
Napi::Value enterNetwork(const Napi::CallbackInfo &info) {
  return enter(info.Env(), info[0].As<Napi::String>().Utf8Value().c_str());
}

// newNetwork(): one of its own, as a container without a network has
Napi::Value newNetwork(const Napi::CallbackInfo &info) {
  // Threads share no namespace but by a descriptor: this one makes it, and the others follow.
  if (unshare(CLONE_NEWNET) != 0) return failErrno(info.Env(), "unshare");
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  bool isUp = socket >= 0 && ioctl(socket, SIOCSIFFLAGS, &loopback) == 0;
  int error = errno;
  if (socket >= 0) close(socket);
  if (!isUp) return fail(info.Env(), std::string("loopback: ") + std::strerror(error));
  return enter(info.Env(), "/proc/thread-self/ns/net");
}

// dropPrivileges(keep: number[]): capabilities by their numbers
Napi::Value dropPrivileges(const Napi::CallbackInfo &info) {
  Job wanted;
  Napi::Array keep = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < keep.Length(); i++) {
    uint32_t capability = keep.Get(i).As<Napi::Number>().Uint32Value();
    if (capability > 63) return fail(info.Env(), "there is no capability " + std::to_string(capability));
    wanted.keep |= uint64_t{1} << capability;
  }
  return runEverywhere(info.Env(), wanted, "capset");
}

bool sharesMounts(pid_t process) {
  struct stat own {}, other {};
  std::string path = "/proc/" + std::to_string(process) + "/ns/mnt";
  return stat("/proc/self/ns/mnt", &own) == 0 && stat(path.c_str(), &other) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

// Mounts made in the node's own namespace would be everybody's. Process 1 is in that; where it has more privileges than
// this process it cannot be asked, but whoever started this process can.
bool ownsMounts(Napi::Env env) {
  bool isNodes = sharesMounts(1) || sharesMounts(getppid());
  if (isNodes) fail(env, "this is the node's mount namespace");
  return !isNodes;
}

// bindMount(source, target, readOnly)
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

// unmount(target)
Napi::Value unmount(const Napi::CallbackInfo &info) {
  std::string target = info[0].As<Napi::String>();
  if (ownsMounts(info.Env()) && umount2(target.c_str(), MNT_DETACH) != 0) return failErrno(info.Env(), "umount");
  return info.Env().Undefined();
}

// makeSlave(target): what is mounted below it from here on stays in this namespace
Napi::Value makeSlave(const Napi::CallbackInfo &info) {
  std::string target = info[0].As<Napi::String>();
  if (ownsMounts(info.Env()) && mount(nullptr, target.c_str(), nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return failErrno(info.Env(), "mount");
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("enterNetwork", Napi::Function::New(env, enterNetwork));
  exports.Set("newNetwork", Napi::Function::New(env, newNetwork));
  exports.Set("dropPrivileges", Napi::Function::New(env, dropPrivileges));
  exports.Set("bindMount", Napi::Function::New(env, bindMount));
  exports.Set("unmount", Napi::Function::New(env, unmount));
  exports.Set("makeSlave", Napi::Function::New(env, makeSlave));
  return exports;
}

} // namespace

NODE_API_MODULE(kernel, init)
