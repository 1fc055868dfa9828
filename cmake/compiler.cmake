# Flags that every room shares. -ffp-contract=off: the same inputs give the same bytes on every machine.
add_library(assize_flags INTERFACE)
target_compile_options(assize_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -ffp-contract=off -fno-math-errno -fstack-protector-strong)
target_compile_definitions(assize_flags INTERFACE ASSIZE_VERSION="${PROJECT_VERSION}")
target_include_directories(assize_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12's flow analysis warns inside the standard library at -O2 (PR 105562 and its kin).
  target_compile_options(assize_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict
    -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer -Wno-stringop-overread)
  # Vectors wider than the baseline's registers are passed to inlined functions alone.
  target_compile_options(assize_flags INTERFACE -Wno-psabi)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # The same; and std::stable_sort of GCC's library uses a function that the library calls deprecated.
  target_compile_options(assize_flags INTERFACE -Wno-psabi -Wno-deprecated-declarations)
endif()
if(ASSIZE_SANITIZE)
  target_compile_options(assize_flags INTERFACE -fsanitize=${ASSIZE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(assize_flags INTERFACE -fsanitize=${ASSIZE_SANITIZE})
  if(ASSIZE_SANITIZE MATCHES "undefined")
    target_compile_options(assize_flags INTERFACE -fno-sanitize-recover=all)
  endif()
endif()

find_program(ASSIZE_CCACHE ccache)
if(ASSIZE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${ASSIZE_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(assize_flags INTERFACE -fpch-preprocess)
  endif()
endif()
