# Lets an addon that is built on a current system load on older ones: links it as though glibc were FLOOR, the release that
# Node's own executables are built for. Without this the addon asks for the glibc of the machine that it was built on.
# (What it asks for is held against this by scripts/package/portability.mjs.)
#
#   - glibc 2.34 moved libpthread into libc under new symbol versions, the functions being the same. A libpthread of ours, made
#     of names only, lets the linker bind to the old versions; every glibc since resolves those.
#   - What came later than FLOOR and is needed all the same is defined in later.c.
#   - libgcc is the machine's (Node's own executables need it, so it is there): the static one of GCC 12 wants glibc 2.35.

set(GLIBC_FLOOR 2.28)

# The first symbol version of each architecture's glibc, and the one that pthread_setname_np came with.
set(glibc_first_x86_64 GLIBC_2.2.5)
set(glibc_setname_x86_64 GLIBC_2.12)
set(glibc_first_aarch64 GLIBC_2.17)
set(glibc_setname_aarch64 GLIBC_2.17)

set(glibc_pthread_symbols
  __pthread_key_create pthread_create pthread_detach pthread_getspecific pthread_join pthread_key_create pthread_key_delete
  pthread_kill pthread_mutex_trylock pthread_once pthread_rwlock_destroy pthread_rwlock_init pthread_rwlock_rdlock
  pthread_rwlock_tryrdlock pthread_rwlock_trywrlock pthread_rwlock_unlock pthread_rwlock_wrlock pthread_setspecific
  pthread_sigmask)

# target_glibc_floor(TARGET): does this for a shared library, where it can be done.
function(target_glibc_floor target)
  set(first ${glibc_first_${CMAKE_SYSTEM_PROCESSOR}})
  include(CheckCSourceCompiles)
  check_c_source_compiles("
    #include <features.h>
    #if !__GLIBC_PREREQ(2, 34)
    #error older
    #endif
    int main(void) { return 0; }" S2N_PKEY_GLIBC_IS_LATER)
  if(NOT first OR NOT S2N_PKEY_GLIBC_IS_LATER OR S2N_PKEY_SANITIZE)
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/glibc)
  list(TRANSFORM glibc_pthread_symbols APPEND "(void) {}" OUTPUT_VARIABLE definitions)
  list(TRANSFORM definitions PREPEND "void ")
  list(JOIN definitions "\n" definitions)
  list(JOIN glibc_pthread_symbols "; " names)
  file(CONFIGURE OUTPUT ${folder}/libpthread.c CONTENT "@definitions@\nvoid pthread_setname_np(void) {}\n" @ONLY)
  set(setname ${glibc_setname_${CMAKE_SYSTEM_PROCESSOR}})
  if(setname STREQUAL first)
    set(map "${first} { global: ${names}; pthread_setname_np; local: *; };")
  else()
    set(map "${first} { global: ${names}; local: *; };\n${setname} { global: pthread_setname_np; } ${first};")
  endif()
  file(CONFIGURE OUTPUT ${folder}/libpthread.map CONTENT "@map@\n" @ONLY)

  add_library(glibc_pthread SHARED ${folder}/libpthread.c)
  set_target_properties(glibc_pthread PROPERTIES
    OUTPUT_NAME pthread SOVERSION 0 C_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY ${folder}
    LINK_DEPENDS ${folder}/libpthread.map)
  target_compile_options(glibc_pthread PRIVATE -w)
  target_link_options(glibc_pthread PRIVATE -nostdlib -Wl,--version-script=${folder}/libpthread.map)

  target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/binding/glibc/later.c)
  target_link_libraries(${target} PRIVATE glibc_pthread)
  # Only for linking: what is loaded is the machine's.
  set_target_properties(${target} PROPERTIES SKIP_BUILD_RPATH ON)
endfunction()
