# Where the C sources are: the vendored crates, or what S2N_TLS_SOURCE_DIR and AWS_LC_SOURCE_DIR (-D, or else the
# environment) name instead. The answer is not cached, so that a new pin or another folder takes effect in an old build
# folder.

function(find_sources variable crate sub_directory probe)
  set(folder "${${variable}}")
  if(NOT folder)
    set(folder "$ENV{${variable}}")
  endif()
  if(NOT folder)
    file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/vendor/Cargo.toml pin REGEX "^${crate} = ")
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${pin}")
    set(folder ${CMAKE_CURRENT_SOURCE_DIR}/vendor/sources/${crate}-${version}/${sub_directory})
  endif()
  get_filename_component(folder "${folder}" ABSOLUTE)
  if(NOT EXISTS ${folder}/${probe})
    message(FATAL_ERROR
      "${variable}: no ${probe} in '${folder}'. Run 'npm run vendor' to fetch the pinned sources, or point "
      "${variable} at a checkout.")
  endif()
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/vendor/Cargo.toml)
find_sources(AWS_LC_SOURCE_DIR aws-lc-sys aws-lc include/openssl/base.h)
find_sources(S2N_TLS_SOURCE_DIR s2n-tls-sys lib api/s2n.h)
