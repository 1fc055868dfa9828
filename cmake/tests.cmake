# tests/<folder>/**/*_test.cc -> one GoogleTest binary assize_<folder>_tests per folder.
find_package(GTest 1.12 REQUIRED)
find_package(dnnl 3.2 CONFIG REQUIRED PATHS ${ASSIZE_DEPS}/onednn)
# The tests' own code is compiled to be compiled soon; what they test keeps its flags.
set(test_options -Og)
if(ASSIZE_SANITIZE MATCHES "undefined")
  list(APPEND test_options -fno-sanitize=undefined)
endif()
add_library(assize_test_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(assize_test_pch PRIVATE assize_flags absl::status absl::statusor
  absl::flat_hash_map fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
target_compile_options(assize_test_pch PRIVATE ${test_options})
target_precompile_headers(assize_test_pch PRIVATE
  <algorithm> <array> <cmath> <cstdint> <cstring> <functional> <map> <memory> <optional> <span>
  <string> <string_view> <vector> <absl/status/statusor.h> <fmt/format.h> <nlohmann/json.hpp>
  <gmock/gmock.h> <gtest/gtest.h>)

function(assize_tests folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  set(target assize_${folder}_tests)
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE assize_flags ${ARG_LINK} GTest::gmock GTest::gtest_main)
  # -fPIC as the precompiled header; CMake gives executables -fPIE.
  target_compile_options(${target} PRIVATE ${test_options} -fPIC)
  target_precompile_headers(${target} REUSE_FROM assize_test_pch)
  if(NOT folder STREQUAL "engine")  # its files are large, and many speak of the same things
    assize_joined(${target})
  endif()
  target_compile_definitions(${target} PRIVATE
    ASSIZE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ASSIZE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${folder} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${folder} PROPERTIES TIMEOUT 1500
    ENVIRONMENT "ASSIZE_BIN=$<TARGET_FILE:assize>;ASAN_OPTIONS=detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")
endfunction()

foreach(room support ir onnx analysis verify pass reference engine data eval trust evidence release
        policy recipe flow)
  assize_tests(${room} LINK assize_${room})
endforeach()
if(TARGET assize_engine_tests)  # it runs real models, and generated ones through the verifier
  target_link_libraries(assize_engine_tests PRIVATE assize_onnx assize_verify)
endif()
assize_tests(house LINK assize_passes assize_recipe)
assize_tests(passes LINK assize_flow)
assize_tests(conformance LINK assize_onnx assize_engine assize_verify)
assize_tests(oracle LINK assize_flow)
assize_tests(cli LINK assize_flow)
assize_tests(e2e LINK assize_flow)
