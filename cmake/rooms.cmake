# assize_room(NAME PUBLIC ... PRIVATE ...): the library assize_NAME from lib/NAME/**/*.cc.
file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "// The translation unit that the shared precompiled header is made for.\n")
add_library(assize_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(assize_pch PRIVATE assize_flags absl::status absl::statusor
  absl::flat_hash_map fmt::fmt nlohmann_json::nlohmann_json)
target_precompile_headers(assize_pch PRIVATE
  <algorithm> <array> <bit> <cmath> <cstdint> <cstring> <deque> <functional> <map> <memory> <mutex>
  <numeric> <optional> <set> <span> <sstream> <string> <string_view> <unordered_map> <utility>
  <variant> <vector> <absl/status/statusor.h> <fmt/format.h> <nlohmann/json.hpp>)

function(assize_sources target dir)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  if(NOT sources)
    set(sources ${CMAKE_BINARY_DIR}/pch.cc)
  endif()
  target_sources(${target} PRIVATE ${sources})
  target_link_libraries(${target} PRIVATE assize_flags)
  target_precompile_headers(${target} REUSE_FROM assize_pch)
endfunction()

# Several files of a target are compiled as one, which takes a third of the time: names in anonymous
# namespaces are unique in such a folder. -DASSIZE_JOIN=OFF compiles each by itself.
option(ASSIZE_JOIN "compile the files of tests and tools in groups" ON)
function(assize_joined target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${ASSIZE_JOIN} UNITY_BUILD_BATCH_SIZE 6)
endfunction()

function(assize_room name)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  add_library(assize_${name} STATIC)
  target_link_libraries(assize_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  assize_sources(assize_${name} ${CMAKE_SOURCE_DIR}/lib/${name})
endfunction()

# Files compiled for an instruction set of their own end in _avx2.cc, _avx512.cc and so on.
function(assize_passes)
  cmake_parse_arguments(ARG "" "" "PUBLIC;PRIVATE" ${ARGN})
  add_library(assize_passes STATIC)
  target_link_libraries(assize_passes PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  assize_sources(assize_passes ${CMAKE_SOURCE_DIR}/passes)
endfunction()

function(assize_tool name)
  cmake_parse_arguments(ARG "" "" "PRIVATE" ${ARGN})
  add_executable(${name})
  target_link_libraries(${name} PRIVATE ${ARG_PRIVATE})
  target_compile_options(${name} PRIVATE -fPIC)  # as the precompiled header; CMake gives executables -fPIE
  assize_joined(${name})  # CLI11 alone takes longer than a verb
  assize_sources(${name} ${CMAKE_SOURCE_DIR}/tools/${name})
endfunction()
