# Compiles the files of this folder as sources of the s2n target: they read its structures, so they need its definitions,
# options and include folders.

include(${CMAKE_CURRENT_LIST_DIR}/review.cmake)

file(GLOB s2n_internals CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
target_sources(s2n PRIVATE ${s2n_internals})
set_source_files_properties(${s2n_internals} TARGET_DIRECTORY s2n PROPERTIES
  INCLUDE_DIRECTORIES ${CMAKE_CURRENT_SOURCE_DIR}/binding)

# The same for a test's own file of the current directory.
function(compile_as_s2n_source source)
  set_source_files_properties(${source} PROPERTIES
    COMPILE_OPTIONS "-std=gnu99;-include;${S2N_TLS_SOURCE_DIR}/utils/s2n_prelude.h"
    COMPILE_DEFINITIONS "${s2n_definitions}"
    INCLUDE_DIRECTORIES ${S2N_TLS_SOURCE_DIR})
endfunction()
