# Builds and installs AWS-LC's libcrypto into the build tree while CMake configures, and finds it there.
# Afterwards: target AWS::crypto.
#
# Builds with sanitizers take the AWS-LC of the plain build (S2N_PKEY_AWS_LC_INSTALL): it takes minutes to build and is not what
# they look at. Their libraries still see what AWS-LC does through malloc, memcpy and the like. Without the variable AWS-LC is
# built with them too.

set(S2N_PKEY_AWS_LC_INSTALL "" CACHE PATH "Where AWS-LC was installed by another build folder; empty: build it here")
set(aws_lc_build ${CMAKE_BINARY_DIR}/aws-lc/build)
set(aws_lc_install ${CMAKE_BINARY_DIR}/aws-lc/install)
set(aws_lc_stamp ${CMAKE_BINARY_DIR}/aws-lc/built-from)
set(aws_lc_flags "")
set(aws_lc_optimization -O3)
# The undefined-behaviour sanitizer stays with our code and s2n's: GCC takes ten minutes over AWS-LC's largest file with it.
string(REGEX MATCH "address|thread" aws_lc_sanitizer "${S2N_PKEY_SANITIZE}")
if(aws_lc_sanitizer)
  set(aws_lc_flags "-fsanitize=${aws_lc_sanitizer} -fno-omit-frame-pointer -g")
  set(aws_lc_optimization -O1)
endif()
set(aws_lc_toolchain "")
if(S2N_PKEY_TOOLCHAIN)
  string(APPEND aws_lc_flags " ${path_flags}")
  set(aws_lc_toolchain "|${S2N_PKEY_TOOLCHAIN}")
endif()
set(aws_lc_recipe "${AWS_LC_SOURCE_DIR}|${CMAKE_C_COMPILER}|${CMAKE_CXX_COMPILER}|${aws_lc_flags}${aws_lc_toolchain}")
set(aws_lc_built "")
if(EXISTS ${aws_lc_stamp})
  file(READ ${aws_lc_stamp} aws_lc_built)
endif()

# The pinned sources never change in place; those of somebody's checkout do, so they are built (incrementally) every time.
string(FIND "${AWS_LC_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}/vendor/sources/" aws_lc_is_pinned)
if(S2N_PKEY_AWS_LC_INSTALL)
  set(aws_lc_install ${S2N_PKEY_AWS_LC_INSTALL})
elseif(NOT aws_lc_built STREQUAL aws_lc_recipe OR NOT aws_lc_is_pinned EQUAL 0)
  message(STATUS "Building AWS-LC (once; about a minute on two cores)")
  if(NOT aws_lc_built STREQUAL aws_lc_recipe)
    file(REMOVE_RECURSE ${aws_lc_build} ${aws_lc_install} ${aws_lc_stamp})
  endif()
  include(ProcessorCount)
  ProcessorCount(processors)
  if(processors EQUAL 0)
    set(processors 2)
  endif()
  set(aws_lc_cross "")
  if(CMAKE_TOOLCHAIN_FILE)
    set(aws_lc_cross -DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE})
  endif()
  # -w: AWS-LC makes errors of warnings, and a compiler newer than its own CI's, or GCC with sanitizers, finds new ones.
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${AWS_LC_SOURCE_DIR} -B ${aws_lc_build} -G ${CMAKE_GENERATOR}
      -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS_RELEASE=${aws_lc_optimization} -DNDEBUG"
      "-DCMAKE_CXX_FLAGS_RELEASE=${aws_lc_optimization} -DNDEBUG"
      -DCMAKE_INSTALL_PREFIX=${aws_lc_install} -DCMAKE_INSTALL_LIBDIR=lib
      -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} ${aws_lc_cross}
      "-DCMAKE_C_FLAGS=-w ${aws_lc_flags}" "-DCMAKE_CXX_FLAGS=-w ${aws_lc_flags}"
      -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_C_VISIBILITY_PRESET=hidden -DBUILD_SHARED_LIBS=OFF
      -DDISABLE_GO=ON -DDISABLE_PERL=ON -DBUILD_LIBSSL=OFF -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF
      -DENABLE_SOURCE_MODIFICATION=OFF
    OUTPUT_FILE ${CMAKE_BINARY_DIR}/aws-lc-configure.log ERROR_FILE ${CMAKE_BINARY_DIR}/aws-lc-configure.log
    RESULT_VARIABLE failed)
  if(failed)
    file(READ ${CMAKE_BINARY_DIR}/aws-lc-configure.log log)
    message(FATAL_ERROR "Configuring AWS-LC failed:\n${log}")
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} --build ${aws_lc_build} --target install --parallel ${processors}
    OUTPUT_FILE ${CMAKE_BINARY_DIR}/aws-lc-build.log ERROR_FILE ${CMAKE_BINARY_DIR}/aws-lc-build.log
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "Building AWS-LC failed: see ${CMAKE_BINARY_DIR}/aws-lc-build.log")
  endif()
  file(WRITE ${aws_lc_stamp} "${aws_lc_recipe}")
endif()

list(PREPEND CMAKE_PREFIX_PATH ${aws_lc_install})
set(crypto_DIR ${aws_lc_install}/lib/crypto/cmake)
find_package(crypto REQUIRED CONFIG PATHS ${aws_lc_install} NO_DEFAULT_PATH)
get_target_property(crypto_location AWS::crypto LOCATION)
if(NOT crypto_location MATCHES "^${aws_lc_install}/")
  message(FATAL_ERROR "find_package(crypto) found '${crypto_location}' and not the vendored AWS-LC")
endif()
