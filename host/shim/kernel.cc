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
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

// The kernel keeps a network namespace and capabilities per thread, so each thread has to change its own: a signal makes it.
const int jobSignal = SIGRTMIN + 6;
constexpr int spins = 2000; // a thread that runs takes the signal in microseconds
constexpr long waitStepNs = 50'000;
constexpr int waitSteps = 4000; // 200 ms for one that does not

struct Job {
  int networkFd = -1; // setns to it
  uint64_t keep = 0;  // or keep only these capabilities
  std::atomic<int> failed{0};
  std::atomic<int> done{0};
};

Job *job = nullptr;

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
  int failed = job->networkFd >= 0 ? (syscall(SYS_setns, job->networkFd, CLONE_NEWNET) == 0 ? 0 : errno) : dropTo(job->keep);
  if (failed != 0) job->failed.store(failed);
  job->done.fetch_add(1);
}

void onSignal(int) {
  int before = errno;
  if (job != nullptr) runJob();
  errno = before;
}

// A line of /proc/self/task/TID/status, without its name.
std::string statusOf(pid_t thread, const char *field) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
  FILE *file = std::fopen(path, "re");
  if (file == nullptr) return "";
  char line[256];
  std::string value;
  size_t length = std::strlen(field);
  while (value.empty() && std::fgets(line, sizeof line, file) != nullptr)
    if (std::strncmp(line, field, length) == 0 && line[length] == ':') {
      value = line + length + 2;
      if (!value.empty() && value.back() == '\n') value.pop_back();
    }
  std::fclose(file);
  return value;
}

bool blocks(pid_t thread) { return std::strtoull(statusOf(thread, "SigBlk").c_str(), nullptr, 16) >> (jobSignal - 1) & 1; }

std::vector<pid_t> threads() {
  std::vector<pid_t> found;
  DIR *folder = opendir("/proc/self/task");
  if (folder == nullptr) return found;
  while (dirent *entry = readdir(folder))
    if (entry->d_name[0] != '.') found.push_back(std::atoi(entry->d_name));
  closedir(folder);
  return found;
}

void waitFor(int count) {
  for (int step = 0; step < spins + waitSteps && job->done.load() < count; step++) {
    timespec pause{0, waitStepNs};
    if (step < spins) sched_yield();
    else nanosleep(&pause, nullptr);
  }
}

// Runs the job on every thread, until no new one is found; gives { moved, skipped: [name...] }.
Napi::Value runEverywhere(Napi::Env env, Job &work, const char *what) {
  job = &work;
  struct sigaction action {}, previous {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  sigaction(jobSignal, &action, &previous);
  pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  std::set<pid_t> seen{self};
  std::vector<std::string> skipped;
  runJob();
  int sent = 1;
  for (bool again = work.failed.load() == 0; again;) {
    again = false;
    for (pid_t thread : threads()) {
      if (!seen.insert(thread).second) continue;
      again = true;
      if (blocks(thread)) skipped.push_back(statusOf(thread, "Name"));
      else if (syscall(SYS_tgkill, getpid(), thread, jobSignal) == 0) sent++;
    }
    waitFor(sent);
  }
  if (work.done.load() < sent && work.failed.load() == 0) work.failed.store(ETIMEDOUT);
  // A thread that takes its signal after all finds no job.
  job = nullptr;
  if (int failed = work.failed.load()) {
    Napi::Error::New(env, std::string(what) + ": " + std::strerror(failed)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("moved", work.done.load());
  Napi::Array names = Napi::Array::New(env);
  for (size_t i = 0; i < skipped.size(); i++) names.Set(static_cast<uint32_t>(i), skipped[i]);
  result.Set("skipped", names);
  return result;
}

Napi::Value fail(Napi::Env env, const std::string &what) {
  Napi::Error::New(env, what + ": " + std::strerror(errno)).ThrowAsJavaScriptException();
  return env.Undefined();
}

// enterNetwork(path)
Napi::Value enterNetwork(const Napi::CallbackInfo &info) {
  std::string path = info[0].As<Napi::String>();
  Job work;
  work.networkFd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (work.networkFd < 0) return fail(info.Env(), path);
  Napi::Value result = runEverywhere(info.Env(), work, path.c_str());
  close(work.networkFd);
  return result;
}

// newNetwork(): one of its own, as a container without a network has
Napi::Value newNetwork(const Napi::CallbackInfo &info) {
  // Threads share no namespace but by a descriptor: this one makes it, and the others follow.
  if (unshare(CLONE_NEWNET) != 0) return fail(info.Env(), "unshare");
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  if (socket < 0 || ioctl(socket, SIOCSIFFLAGS, &loopback) != 0) return fail(info.Env(), "loopback");
  close(socket);
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%ld/ns/net", syscall(SYS_gettid));
  Job work;
  work.networkFd = open(path, O_RDONLY | O_CLOEXEC);
  if (work.networkFd < 0) return fail(info.Env(), path);
  Napi::Value result = runEverywhere(info.Env(), work, path);
  close(work.networkFd);
  return result;
}

// dropPrivileges(keep: number[]): capabilities by their numbers
Napi::Value dropPrivileges(const Napi::CallbackInfo &info) {
  Job work;
  Napi::Array keep = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < keep.Length(); i++) work.keep |= uint64_t{1} << keep.Get(i).As<Napi::Number>().Uint32Value();
  return runEverywhere(info.Env(), work, "capset");
}

// bindMount(source, target, readOnly)
Napi::Value bindMount(const Napi::CallbackInfo &info) {
  std::string source = info[0].As<Napi::String>(), target = info[1].As<Napi::String>();
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) return fail(info.Env(), "mount " + target);
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (info[2].As<Napi::Boolean>() && mount(nullptr, target.c_str(), nullptr, flags, nullptr) != 0)
    return fail(info.Env(), "mount " + target + " read-only");
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("enterNetwork", Napi::Function::New(env, enterNetwork));
  exports.Set("newNetwork", Napi::Function::New(env, newNetwork));
  exports.Set("dropPrivileges", Napi::Function::New(env, dropPrivileges));
  exports.Set("bindMount", Napi::Function::New(env, bindMount));
  return exports;
}

} // namespace

NODE_API_MODULE(kernel, init)
