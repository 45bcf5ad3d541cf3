# Takes s2n-tls in as a sub-directory, against the AWS-LC of aws-lc.cmake. Afterwards: target s2n.

set(BUILD_TESTING OFF CACHE BOOL "" FORCE)
set(UNSAFE_TREAT_WARNINGS_AS_ERRORS OFF CACHE BOOL "" FORCE)
set(S2N_ENFORCE_PROPER_LIBCRYPTO_FEATURE_PROBE ON CACHE BOOL "" FORCE)
set(S2N_STACKTRACE OFF CACHE BOOL "" FORCE)
if(S2N_PKEY_SANITIZE)
  # For s2n's probes, which link an AWS-LC that wants the sanitizer's library, and do not see add_link_options.
  string(APPEND CMAKE_EXE_LINKER_FLAGS " -fsanitize=${S2N_PKEY_SANITIZE}")
endif()
if(S2N_PKEY_SANITIZE MATCHES address)
  set(ASAN ON CACHE BOOL "" FORCE)
endif()
if(S2N_PKEY_SANITIZE MATCHES thread)
  set(TSAN ON CACHE BOOL "" FORCE)
endif()

add_subdirectory(${S2N_TLS_SOURCE_DIR} ${CMAKE_BINARY_DIR}/s2n-tls EXCLUDE_FROM_ALL)

# s2n's probes turn features off silently. These are the ones this package promises.
get_directory_property(s2n_definitions DIRECTORY ${S2N_TLS_SOURCE_DIR} COMPILE_DEFINITIONS)
foreach(probe IN ITEMS
    S2N_LIBCRYPTO_SANITY_PROBE S2N_LIBCRYPTO_SUPPORTS_EVP_KEM S2N_LIBCRYPTO_SUPPORTS_MLKEM
    S2N_LIBCRYPTO_SUPPORTS_MLDSA S2N_LIBCRYPTO_SUPPORTS_HKDF S2N_LIBCRYPTO_SUPPORTS_EVP_AEAD_TLS
    S2N_LIBCRYPTO_SUPPORTS_X509_STORE_LIST S2N_CLOEXEC_SUPPORTED S2N_FEATURES_AVAILABLE S2N_ATOMIC_SUPPORTED)
  if(NOT "${probe}=1" IN_LIST s2n_definitions)
    message(FATAL_ERROR
      "s2n-tls was configured without ${probe}: its probes did not see the vendored AWS-LC. Remove the build folder "
      "('npm run clean') and build again.")
  endif()
endforeach()
