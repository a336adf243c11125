#include "events.h"
#include "messages.h"

#include <cerrno>
#include <cstdint>
#include <sys/socket.h>
#include <unistd.h>

namespace {

// A type of events, its topic, and the field that holds the id of a process in the container, or 0 if there is none. containerd takes
// that id for the one of a container, too.
struct EventType {
  const char *name;
  const char *topic;
  uint64_t idField;
};

constexpr EventType TYPES[] = {
    {"TaskCreate", "/tasks/create", 0},
    {"TaskStart", "/tasks/start", 0},
    {"TaskExit", "/tasks/exit", 2},
    {"TaskDelete", "/tasks/delete", 5},
    {"TaskOOM", "/tasks/oom", 0},
    {"TaskExecAdded", "/tasks/exec-added", 2},
    {"TaskExecStarted", "/tasks/exec-started", 2},
};

constexpr uint64_t CONTAINER_FIELD = 1;

// Wire types of protocol buffers ("Encoding").
constexpr uint64_t VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;
constexpr int VARINT_BYTES_MAX = 10;

// The header of a ttrpc frame: the length of the body, the stream, the type and flags (ttrpc, PROTOCOL.md).
constexpr size_t HEADER_BYTES = 10;
constexpr char REQUEST = 1, RESPONSE = 2;
constexpr size_t RESPONSE_BYTES_MAX = 1 << 16;

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}

std::string number(uint64_t field, uint64_t value) { return varint(field << 3 | VARINT) + varint(value); }

std::string text(uint64_t field, const std::string &value) { return varint(field << 3 | BYTES) + varint(value.size()) + value; }

// Reads a varint of a message, and moves `at` behind it. Returns false if there is none.
bool readVarint(const std::string &bytes, size_t &at, uint64_t &value) {
  value = 0;
  for (int n = 0; n < VARINT_BYTES_MAX && at < bytes.size(); n++) {
    uint64_t byte = static_cast<unsigned char>(bytes[at++]);
    value |= (byte & 127) << (7 * n);
    // An encoding that is longer than necessary may be understood in several ways.
    if (byte < 128) return n == 0 || byte != 0;
  }
  return false;
}

// Reads the field of a message at `at`, and moves `at` behind it. The content of a field without a length stays empty.
bool readField(const std::string &bytes, size_t &at, uint64_t &tag, std::string &content) {
  content.clear();
  uint64_t length = 0;
  if (!readVarint(bytes, at, tag) || tag >> 32 != 0 || tag >> 3 == 0) return false;
  if ((tag & 7) == VARINT) return readVarint(bytes, at, length);
  if ((tag & 7) == BYTES && !readVarint(bytes, at, length)) return false;
  if ((tag & 7) == FIXED64) length = 8;
  else if ((tag & 7) == FIXED32) length = 4;
  else if ((tag & 7) != BYTES) return false;
  if (length > bytes.size() - at) return false;
  content = bytes.substr(at, length);
  at += length;
  return true;
}

int checkValue(const std::string &value, const EventType &type, const EventRights &rights) {
  uint64_t tag = 0;
  std::string content;
  int containers = 0, ids = 0;
  for (size_t at = 0; at < value.size();) {
    if (!readField(value, at, tag, content)) return EINVAL;
    bool isContainer = tag >> 3 == CONTAINER_FIELD, isId = type.idField != 0 && tag >> 3 == type.idField;
    if ((isContainer || isId) && (tag & 7) != BYTES) return EINVAL;
    // In a message with a field twice, the last one counts, or both do.
    if (isContainer && ++containers > 1) return EINVAL;
    if (isId && ++ids > 1) return EINVAL;
    if (isContainer && !rights.isOwn(content)) return EACCES;
    if (isId && !rights.isOwn(content) && rights.isOther(content)) return EACCES;
  }
  return containers == 1 ? 0 : EINVAL;
}

bool readHex(const std::string &digits, std::string &bytes) {
  if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  for (size_t at = 0; at < digits.size(); at += 2) bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
  return true;
}

bool readNumber(const std::string &digits, uint64_t &value) {
  if (digits.empty() || digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string::npos) return false;
  value = std::stoull(digits);
  return true;
}

bool receiveAll(int socket, char *bytes, size_t count) { return recv(socket, bytes, count, MSG_WAITALL) == static_cast<ssize_t>(count); }

// Returns 0 if containerd has accepted the request.
int receiveResponse(int socket) {
  unsigned char header[HEADER_BYTES];
  if (!receiveAll(socket, reinterpret_cast<char *>(header), sizeof header)) return EPIPE;
  size_t length = size_t{header[0]} << 24 | size_t{header[1]} << 16 | size_t{header[2]} << 8 | header[3];
  if (header[8] != RESPONSE || length > RESPONSE_BYTES_MAX) return EPROTO;
  std::string body(length, '\0');
  if (length > 0 && !receiveAll(socket, body.data(), length)) return EPIPE;
  // The first field of a response is its status, which is empty on success.
  return length > 1 && body[0] == (1 << 3 | BYTES) && body[1] != 0 ? EREMOTEIO : 0;
}

} // namespace

int encodeEvent(const std::vector<std::string> &words, const EventRights &rights, std::string &frame) {
  uint64_t seconds = 0, nanos = 0;
  std::string value;
  if (words.size() != 4 || !readNumber(words[1], seconds) || !readNumber(words[2], nanos) || !readHex(words[3], value)) return EINVAL;
  for (const EventType &type : TYPES) {
    if (words[0] != type.name) continue;
    if (int error = checkValue(value, type, rights)) return error;
    std::string event = text(1, "containerd.events." + words[0]) + text(2, value);
    std::string envelope = text(1, number(1, seconds) + number(2, nanos)) + text(2, rights.space) + text(3, type.topic) + text(4, event);
    std::string body = text(1, "containerd.services.events.ttrpc.v1.Events") + text(2, "Forward") + text(3, text(1, envelope));
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift);
    frame += {0, 0, 0, 1, REQUEST, 0};
    frame += body;
    return 0;
  }
  return EINVAL;
}

int sendEvent(const std::string &path, const std::string &frame) {
  int file = -1;
  int error = connectStream(path, 0, file);
  if (error != 0) return error;
  for (size_t sent = 0; error == 0 && sent < frame.size();) {
    ssize_t count = send(file, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count < 0) error = errno;
    else sent += static_cast<size_t>(count);
  }
  if (error == 0) error = receiveResponse(file);
  close(file);
  return error;
}
