// Edge-triggered readiness of descriptors. Only poller.h and poller.cc use epoll, so that another
// system call, such as kqueue, can replace it.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "engine/descriptor.h"

namespace s2npkey::engine {

// The changes of a descriptor since the last report.
struct Readiness {
  bool readable = false;
  bool writable = false;
  bool read_closed = false;  // the peer has sent FIN; bytes may still be unread
  bool closed = false;       // both directions have ended, or the descriptor failed
};

// Receives reports of the poller. Its owner keeps it until the end of the turn that unregisters it.
class Watcher {
 public:
  virtual void OnReady(const Readiness& readiness) = 0;

 protected:
  ~Watcher() = default;
};

// Used by one thread, except Wake, which any thread may call.
class Poller {
 public:
  Poller();  // throws std::system_error

  bool Add(int fd, Watcher* watcher);
  // Does not report that the descriptor is writable. A Unix socket becomes writable each time its
  // other end reads, which would wake the thread for every message.
  bool AddReader(int fd, Watcher* watcher);
  // Turns reports of writability on or off. Turning them on reports the current state first.
  void TellWritable(int fd, Watcher* watcher, bool wanted);
  // For a descriptor of Add: reports only failures, such as RST, until TellWritable.
  void TellOnlyFailure(int fd, Watcher* watcher);
  void Remove(int fd);
  // Removes the descriptor and closes it. Closing alone is not enough: epoll keeps reporting while
  // another descriptor refers to the same socket, such as the copy in a child process before exec.
  void Close(Descriptor& watched);

  struct Told {
    bool anything = false;
    bool woken = false;  // Wake was called
  };
  // Waits up to `timeout` milliseconds (-1: without limit) and calls the watchers.
  Told Wait(int timeout);
  void Wake();

 private:
  static constexpr int kBatch = 256;
  bool Control(int operation, int fd, Watcher* watcher, bool writable);

  Descriptor epoll_;
  Descriptor wake_;
  std::array<epoll_event, kBatch> events_;
};

}  // namespace s2npkey::engine
