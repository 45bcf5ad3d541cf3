// What the addon's parts use of glibc and only later releases than the floor have (floor.cmake),
// for the addon alone. The headers that declare these would declare them visible to all.
#define HIDDEN __attribute__((visibility("hidden")))

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc 2.32. libstdc++ and std::shared_ptr spare themselves atomic instructions while it is not
// zero.
HIDDEN char __libc_single_threaded = 0;

// glibc 2.33; before, these were inline calls of __fxstat and __xstat, which can no longer be
// linked to. The kernel's structure is glibc's on the architectures of floor.cmake.
HIDDEN int fstat(int descriptor, struct stat* status) {
  return (int)syscall(SYS_fstat, descriptor, status);
}

HIDDEN int stat(const char* path, struct stat* status) {
  return (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
}
