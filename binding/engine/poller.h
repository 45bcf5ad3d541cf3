// Readiness of descriptors, edge-triggered. The only file pair that names epoll, so that kqueue can
// join it.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "engine/descriptor.h"

namespace s2npkey::engine {

// What became true of a descriptor since it was last told.
struct Readiness {
  bool readable = false;
  bool writable = false;
  bool read_closed = false;  // the peer will send no more (FIN), though bytes may still wait
  bool closed = false;       // both directions are over, or the descriptor failed
};

// Told by the poller. Owned by whoever watches; outlives its registration and the turn that ends
// it.
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
  // Without being told that it can be written to. A Unix socket tells so each time its other end
  // reads, which would wake the thread once for every message.
  bool AddReader(int fd, Watcher* watcher);
  // Whether it is told from now on, beginning with what is true already.
  void TellWritable(int fd, Watcher* watcher, bool wanted);
  // For one of Add: told of nothing but a failure, such as RST, until TellWritable.
  void TellOnlyFailure(int fd, Watcher* watcher);
  void Remove(int fd);
  // Removes, then closes. Closing is not enough: epoll goes on telling of what another descriptor
  // still refers to, such as the copy of a child process between fork and exec.
  void Close(Descriptor& watched);

  struct Told {
    bool anything = false;
    bool woken = false;  // somebody called Wake
  };
  // Waits up to `timeout` ms (-1: for ever) and tells the watchers.
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
