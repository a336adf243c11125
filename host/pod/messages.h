// Unix sockets, and messages that carry file descriptors over them (unix(7), SCM_RIGHTS). The type SOCK_SEQPACKET keeps messages apart.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

constexpr size_t MESSAGE_FDS_MAX = 64; // The kernel passes at most 253 descriptors with one message.

// Connects to a unix socket of the type SOCK_STREAM, with these further flags of socket(2). Stores the descriptor in `fd`. Returns 0
// or errno.
inline int connectStream(const std::string &path, int flags, int &fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::strcpy(address.sun_path, path.c_str());
  int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (file < 0) return errno;
  if (connect(file, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
    int error = errno;
    close(file);
    return error;
  }
  fd = file;
  return 0;
}

// Sends one message with descriptors, and these flags of send(2). Returns false with errno set on failure.
inline bool sendMessage(int socket, const void *bytes, size_t count, const std::vector<int> &fds, int flags = 0) {
  iovec part{const_cast<void *>(bytes), count};
  alignas(cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(count);
}

// Receives one message, and appends its descriptors to `fds`. Returns its length, 0 if the other end is closed, and -1 with errno
// set on failure: EMFILE if it comes with more than `fdsMax` descriptors or this process may open no more, EMSGSIZE if it is longer than
// `count`. The descriptors in `fds` belong to the caller in any case.
inline ssize_t receiveMessage(int socket, void *bytes, size_t count, std::vector<int> &fds, int flags = 0,
                              size_t fdsMax = MESSAGE_FDS_MAX) {
  iovec part{bytes, count};
  alignas(cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fdsMax * sizeof(int));
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
  while (received < 0 && errno == EINTR);
  if (received < 0) return received;
  for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const unsigned char *data = CMSG_DATA(header);
    for (size_t n = 0; n < number; n++) {
      int fd;
      std::memcpy(&fd, data + n * sizeof fd, sizeof fd);
      fds.push_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) return received;
  errno = message.msg_flags & MSG_TRUNC ? EMSGSIZE : EMFILE;
  return -1;
}
