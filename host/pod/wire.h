// Messages between a host process (receiver.cc) and the image opener (opener.cc), over SOCK_SEQPACKET sockets that keep them
// apart. A request holds strings, each with a zero byte at its end: `overlay` or `folder`, the entrypoint, ASSET_FILES_MAX,
// ASSET_BYTES_MAX, ASSET_DEPTH_MAX, the options of the mount, then the layers. It comes with the socket for the reply, which is
// either a failure, or the module, the list of assets in any number of messages, its end, and the files in the same order.
// The request `seal`, followed by paths, says where the layers of all later requests are: a layer matches a path of which each part
// `*` stands for any name. Only the first such request counts. The reply is a failure without a code.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

constexpr size_t REQUEST_FIELDS = 6; // Strings of a request before its layers.
constexpr size_t REQUEST_BYTES_MAX = 128 * 1024;
constexpr size_t LIST_BYTES_MAX = 32 * 1024;
constexpr size_t FILES_PER_MESSAGE = 64;  // The kernel passes at most 253 descriptors with one message (unix(7)).
constexpr int PATIENCE_S = 30;            // How long either side waits for the other to read or to send.

// The first byte of each message of a reply.
constexpr char MESSAGE_FAILURE = 'E'; // A code, a zero byte and a message.
constexpr char MESSAGE_MODULE = 'M';  // With the module's descriptor.
constexpr char MESSAGE_LIST = 'L';    // For each asset, its size as a 64-bit number, its name and a zero byte.
constexpr char MESSAGE_LISTED = 'D';  // The list is complete.
constexpr char MESSAGE_FILES = 'F';   // With the descriptors of the next assets in the list.

// Sends one message with descriptors. Returns false with errno set on failure.
inline bool sendMessage(int socket, const void *bytes, size_t count, const std::vector<int> &fds) {
  iovec part{const_cast<void *>(bytes), count};
  alignas(cmsghdr) char control[CMSG_SPACE(FILES_PER_MESSAGE * sizeof(int))] = {};
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
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(count);
}

// Receives one message, and appends its descriptors to `fds`. Returns its length, 0 if the other end is closed, and -1 with errno
// set on failure: EMFILE if this process may open no more files, EMSGSIZE if the message is longer than `count`.
inline ssize_t receiveMessage(int socket, void *bytes, size_t count, std::vector<int> &fds) {
  iovec part{bytes, count};
  alignas(cmsghdr) char control[CMSG_SPACE(FILES_PER_MESSAGE * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
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
