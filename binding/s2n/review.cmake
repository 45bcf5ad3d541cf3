# Refuses an s2n-tls in S2N_TLS_SOURCE_DIR that nobody compared with the assumptions of this folder. By itself:
# cmake -DS2N_TLS_SOURCE_DIR=… -P binding/s2n/review.cmake

cmake_policy(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/reviewed.cmake)

# The crate's version; empty where S2N_TLS_SOURCE_DIR names a checkout without one, of which only the contents count.
function(find_s2n_version variable)
  set(version "")
  if(EXISTS ${S2N_TLS_SOURCE_DIR}/../Cargo.toml)
    file(STRINGS ${S2N_TLS_SOURCE_DIR}/../Cargo.toml line REGEX "^version = " LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${line}")
  endif()
  set(${variable} "${version}" PARENT_SCOPE)
endfunction()

function(refuse_unreviewed_s2n)
  find_s2n_version(version)
  set(changed "")
  set(lines "")
  set(entries ${s2n_reviewed_files})
  while(entries)
    list(POP_FRONT entries reviewed file)
    set(found "missing")
    if(EXISTS ${S2N_TLS_SOURCE_DIR}/${file})
      file(SHA256 ${S2N_TLS_SOURCE_DIR}/${file} found)
    endif()
    if(NOT found STREQUAL reviewed)
      string(APPEND changed " ${file}")
      string(APPEND lines "\n  ${found} ${file}")
    endif()
  endwhile()
  set(known ON)
  if(version AND NOT version IN_LIST s2n_reviewed_versions)
    set(known OFF)
  endif()
  if(known AND NOT changed)
    return()
  endif()
  if(NOT version)
    set(version "of an unknown version")
  endif()
  if(NOT changed)
    set(changed " none of the files that binding/s2n/reviewed.cmake lists")
  endif()
  set(text
    "s2n-tls ${version} (${S2N_TLS_SOURCE_DIR}) has not been reviewed for binding/s2n, which reads its internal structures. "
    "Changed since ${s2n_reviewed_versions}:${changed}. Compare them with what binding/s2n/*.c assumes, build with "
    "S2N_PKEY_UNREVIEWED_S2N=1 in the environment, run build/core_test, then enter the version in binding/s2n/reviewed.cmake"
    " and in place of the lines there:${lines}")
  string(JOIN "" text ${text})
  if("$ENV{S2N_PKEY_UNREVIEWED_S2N}" STREQUAL "1")
    message(WARNING "${text}")
  else()
    message(FATAL_ERROR "${text}")
  endif()
endfunction()

refuse_unreviewed_s2n()
