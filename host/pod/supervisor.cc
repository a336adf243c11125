// The supervisor of a host process:
//   supervisor PROGRAM ARGUMENT...
// Starts the program as the host of a pod, in pid, mount, ipc and uts namespaces of its own, and starts other programs for it
// (launch.h). The host can then do without the right to start programs. The supervisor keeps the privileges that the host drops;
// it reads nothing but short messages of its host. Other programs know the host by the id of its supervisor: if one of the two
// ends, so does the other, and all programs end with them.
//
// The host inherits one end of a socket as SOCKET_FD. A message is a word and its arguments, each ended by a zero byte:
//   command KIND WORD...  sets the command that starts a guest or a compiler; comes before `seal`
//   grant KIND VALUE      adds a right (grants.h); comes before `seal`
//   seal                  from now on, the commands and the rights stay as they are
//   spawn KIND UID GID ARGUMENT...   starts a program with the descriptors of the message. Both ids take the place of the words
//                         {uid} and {gid} in the command, which the arguments follow. They consist of letters and digits.
//   kill PID              kills a program
//   keeper                starts a keeper, which ends at once if there is one
//   ask NUMBER CALL...    does something for which the host lacks the rights (Grants::perform)
//   ask NUMBER event TYPE SECONDS NANOS VALUE   sends containerd an event about a container of the host's pod (events.h)
// The supervisor sends:
//   host PID              the id of the host process outside its namespaces, once
//   started PID, failed ERRNO     one of them for each `spawn`, in order
//   ended PID STATUS SIGNAL       a program has ended; SIGNAL is 0, or the signal that ended it
//   answer NUMBER ERRNO           the result of `ask`, possibly with a descriptor
// It keeps the list of what the shim's `delete` must clean up (paths.ts, `state`), and removes the host's files once it has ended.
#include "../base/bpf.h"
#include "events.h"
#include "grants.h"
#include "launch.h"
#include "messages.h"
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sched.h>
#include <set>
#include <string>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr int NODE_ROOT_FD = 3; // The node's root folder, which the host inherits (kernel.ts).
constexpr int SOCKET_FD = 4;
constexpr size_t MESSAGE_BYTES_MAX = 16384;
constexpr size_t FDS_MAX = 8;
constexpr size_t PROGRAMS_MAX = 16; // Programs of a host that run at a time.
constexpr unsigned EVENT_S_MAX = 10; // How long containerd may take to accept an event.
constexpr time_t KEEPER_S_MIN = 2; // A keeper is started at most once in this time.
constexpr int EXIT_FAILED = 125;

int control = -1; // The supervisor's end of the socket.
pid_t host = -1;
std::map<pid_t, Program> programs; // Those that run, by their process ids.
std::map<pid_t, std::string> senders; // Processes that send an event, with the number of the `ask`.
std::set<std::string> cgroups;     // Folders of the cgroups that the host has created.
Grants grants;
std::map<std::string, std::vector<std::string>> commands; // By the kinds of programs.
bool isSealed = false;
std::vector<std::string> hostCommand;
time_t keeperAt = 0;

[[noreturn]] void die(const char *what) {
  std::fprintf(stderr, "supervisor: %s: %s\n", what, std::strerror(errno));
  _exit(EXIT_FAILED);
}

// Sends a message to the host, with a descriptor unless that is -1.
void tell(const std::string &text, int fd = -1) {
  std::vector<int> fds;
  if (fd >= 0) fds.push_back(fd);
  sendMessage(control, text.c_str(), text.size() + 1, fds, MSG_DONTWAIT);
}

// Whether a process is this one, its host, a program, or the child of one: a guest's jailer starts the guest program.
bool isOwn(pid_t pid) {
  if (pid == getpid() || pid == host || programs.count(pid) != 0) return true;
  return programs.count(std::atoi(statField(pid, PARENT_FIELD).c_str())) != 0;
}

// The path of this host's file in a folder of the run folder; empty if there is no run folder.
std::string runFile(const char *folder, const char *ending = "") {
  const char *run = std::getenv("NEARLIGHT_RUN_DIR");
  return run == nullptr ? "" : std::string(run) + "/" + folder + "/" + std::to_string(getpid()) + ending;
}

// Writes the file by which the shim's `delete` knows what to remove if this process is killed.
void record() {
  std::string path = runFile("state"), text;
  if (path.empty()) return;
  for (const auto &[pid, program] : programs) text += "guest " + std::to_string(pid) + " " + program.started + "\n";
  for (const std::string &folder : cgroups) text += "cgroup " + folder + "\n";
  int file = open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return;
  bool isWhole = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  if (isWhole) rename((path + ".new").c_str(), path.c_str());
}

// Removes the host's files. After a crash they stay, because the shim's `delete` needs them.
void removeFiles() {
  for (const char *folder : {"warm", "claim", "state"}) unlink(runFile(folder).c_str());
  unlink(runFile("host", ".sock").c_str());
}

// The host's side of the fork. It has the namespaces already; process ids in /proc become those of its own namespace.
[[noreturn]] void becomeHost(int socket, int nodeRoot) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  unblockSignals();
  if (mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) != 0) die("mount --make-rslave /");
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) die("mount /proc");
  if (!bpf::forbidRings()) die("seccomp");
  if (socket != SOCKET_FD && dup2(socket, SOCKET_FD) < 0) die("dup2");
  if (dup2(nodeRoot, NODE_ROOT_FD) < 0) die("dup2");
  fcntl(SOCKET_FD, F_SETFD, 0);
  std::vector<char *> words = pointers(hostCommand);
  execv(words[0], words.data());
  die(words[0]);
}

bool isAlphanumeric(const std::string &text) {
  return text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
}

void refuse(int error) { tell("failed " + std::to_string(error)); }

// spawn KIND UID GID ARGUMENT...
void spawn(const std::vector<std::string> &words, const std::vector<int> &fds) {
  auto found = words.size() < 4 ? commands.end() : commands.find(words[1]);
  if (found == commands.end() || (words[2] + words[3]).find_first_not_of("0123456789") != std::string::npos)
    return refuse(EINVAL);
  if (programs.size() >= PROGRAMS_MAX) return refuse(EAGAIN);
  Launch launch;
  for (const std::string &word : found->second)
    launch.command.push_back(word == "{uid}" ? words[2] : word == "{gid}" ? words[3] : word);
  for (size_t i = 4; i < words.size(); i++) {
    if (!isAlphanumeric(words[i])) return refuse(EINVAL);
    launch.command.push_back(words[i]);
  }
  launch.fds = fds;
  Program program;
  if (int error = startJailed(launch, program)) return refuse(error);
  programs[program.pid] = program;
  record();
  tell("started " + std::to_string(program.pid));
}

void reply(const std::string &number, int error, int fd = -1) { tell("answer " + number + " " + std::to_string(error), fd); }

// Sends an event from a process of its own, because containerd may take its time. Events are sent one after another.
void startSender(const std::string &number, const std::vector<std::string> &event) {
  EventRights rights = grants.events();
  std::string frame;
  if (int error = encodeEvent(event, rights, frame)) return reply(number, error);
  pid_t pid = senders.empty() ? fork() : -1;
  if (pid < 0) return reply(number, EAGAIN);
  if (pid > 0) {
    senders[pid] = number;
    return;
  }
  syscall(SYS_close_range, 3U, ~0U, 0);
  unblockSignals();
  alarm(EVENT_S_MAX);
  _exit(sendEvent(rights.socket, frame));
}

void answer(const std::vector<std::string> &words) {
  if (words.size() < 3) return;
  if (words[2] == "event") return startSender(words[1], {words.begin() + 3, words.end()});
  int fd = -1;
  std::vector<std::string> call(words.begin() + 2, words.end());
  int error = grants.perform(call, isOwn, fd);
  if (error == 0 && call[0] == "mkdir" && cgroups.insert(call[1]).second) record();
  if (error == 0 && call[0] == "rmdir" && cgroups.erase(call[1]) != 0) record();
  reply(words[1], error, fd);
  if (fd >= 0) close(fd);
}

void killProgram(pid_t pid) {
  auto found = programs.find(pid);
  if (found != programs.end()) end(found->second);
}

// Starts `PROGRAM ... keeper` in a session of its own, in place of the host's last argument.
void startKeeper() {
  const char *folder = std::getenv("NEARLIGHT_RUN_DIR");
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  if (folder == nullptr || (keeperAt != 0 && now.tv_sec - keeperAt < KEEPER_S_MIN)) return;
  keeperAt = now.tv_sec;
  if (fork() != 0) return;
  unblockSignals();
  umask(077);
  setsid();
  openNull();
  int log = open((std::string(folder) + "/log/keeper.log").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log >= 0) dup2(log, 1), dup2(log, 2);
  syscall(SYS_close_range, 3U, ~0U, 0);
  std::vector<std::string> command = hostCommand;
  command.back() = "keeper";
  std::vector<char *> words = pointers(command);
  execv(words[0], words.data());
  _exit(EXIT_FAILED);
}

void obey(const std::vector<std::string> &words, const std::vector<int> &fds) {
  const std::string &word = words[0];
  if (word == "command" && !isSealed && words.size() > 2) commands[words[1]].assign(words.begin() + 2, words.end());
  if (word == "grant" && !isSealed && words.size() == 3) grants.add(words[1], words[2]);
  if (word == "seal") isSealed = true;
  if (word == "ask") answer(words);
  if (word == "spawn") spawn(words, fds);
  if (word == "kill" && words.size() == 2) killProgram(std::atoi(words[1].c_str()));
  if (word == "keeper") startKeeper();
}

// Receives one message of the host. Returns false when the host has closed its end.
bool receive() {
  char text[MESSAGE_BYTES_MAX];
  std::vector<int> fds;
  ssize_t length = receiveMessage(control, text, sizeof text, fds, MSG_DONTWAIT, FDS_MAX);
  // A message that is too long or has too many descriptors is left out.
  bool isOpen = length > 0 || (length < 0 && (errno == EAGAIN || errno == EMSGSIZE || errno == EMFILE));
  std::vector<std::string> words;
  for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(words.back().size()) + 1)
    words.emplace_back(text + at, strnlen(text + at, static_cast<size_t>(length - at)));
  if (length > 0) obey(words, fds);
  for (int fd : fds) close(fd);
  return isOpen;
}

// Ends this process in the way in which the host has ended.
[[noreturn]] void endAs(int status) {
  for (const auto &[pid, program] : programs) kill(pid, SIGKILL);
  for (const auto &[pid, program] : programs) waitpid(pid, nullptr, 0);
  if (status == 0) removeFiles();
  if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
  std::signal(WTERMSIG(status), SIG_DFL);
  unblockSignals();
  raise(WTERMSIG(status));
  _exit(128 + WTERMSIG(status));
}

void collectChildren() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == host) endAs(status);
    if (auto sender = senders.find(pid); sender != senders.end()) {
      reply(sender->second, WIFEXITED(status) ? WEXITSTATUS(status) : ETIMEDOUT);
      senders.erase(sender);
    }
    auto found = programs.find(pid);
    if (found == programs.end()) continue;
    end(found->second);
    programs.erase(found);
    record();
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0, signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    tell("ended " + std::to_string(pid) + " " + std::to_string(code) + " " + std::to_string(signal));
  }
}

void handleSignal(int signals) {
  signalfd_siginfo info{};
  if (read(signals, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGCHLD)
    collectChildren();
  else
    kill(host, static_cast<int>(info.ssi_signo));
}

void startHost(int socket) {
  setenv("NEARLIGHT_HOST", (std::to_string(getpid()) + " " + statField(getpid(), START_FIELD)).c_str(), 1);
  // Opened here, so that it shows the mounts of the node and not those of the host's namespace, which lack later ones.
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), high = fcntl(root, F_DUPFD_CLOEXEC, SOCKET_FD + 1);
  if (high < 0) die("/");
  close(root);
  host = static_cast<pid_t>(
      syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (host < 0) die("a host of pods needs namespaces of its own (run it as root): clone");
  if (host == 0) becomeHost(socket, high);
  close(socket);
  close(high);
}

} // namespace

int main(int count, char **arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: supervisor PROGRAM ARGUMENT...\n");
    return EXIT_FAILED;
  }
  hostCommand.assign(arguments + 1, arguments + count);
  // A host reads the files of its cgroups, whose folders get their mode from this.
  umask(022);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) die("socketpair");
  // The host's end must not have the number of the node's root folder.
  int ours = fcntl(pair[0], F_DUPFD_CLOEXEC, SOCKET_FD + 1), theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, SOCKET_FD + 1);
  close(pair[0]);
  close(pair[1]);
  if (ours < 0 || theirs < 0) die("socketpair");
  control = ours;
  sigset_t watched;
  sigemptyset(&watched);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&watched, signal);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) die("signalfd");
  startHost(theirs);
  tell("host " + std::to_string(host));
  pollfd watch[] = {{signals, POLLIN, 0}, {control, POLLIN, 0}};
  for (;;) {
    if (poll(watch, 2, -1) < 0) continue;
    if (watch[0].revents != 0) handleSignal(signals);
    // The host closes its end only when it ends, which SIGCHLD announces.
    if (watch[1].revents != 0 && !receive()) watch[1].fd = -1;
  }
}
