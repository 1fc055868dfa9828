# Third-party libraries: Debian 12's packages, and from wheels (scripts/setup) what Debian lacks.
find_package(absl REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
find_package(dnnl 3.2 CONFIG REQUIRED PATHS ${ASSIZE_DEPS}/onednn)

# yaml-cpp 0.7's CMake file names no include folder; its target is plain.
add_library(assize_yaml_cpp INTERFACE)
target_link_libraries(assize_yaml_cpp INTERFACE yaml-cpp)

# valijson is headers only; Debian's package has no CMake file.
find_path(VALIJSON_INCLUDE valijson/validator.hpp REQUIRED)
add_library(ValiJSON::valijson INTERFACE IMPORTED)
target_include_directories(ValiJSON::valijson SYSTEM INTERFACE ${VALIJSON_INCLUDE})

# ParallelFor: OpenMP as oneDNN uses it; std::thread where OpenMP is missing or would blind the
# thread sanitizer (libgomp is not instrumented).
add_library(assize_parallel INTERFACE)
find_package(OpenMP)
if(OpenMP_CXX_FOUND AND NOT ASSIZE_SANITIZE MATCHES "thread")
  # The library for all users; the compiler flag for the one file with a pragma (the flag defines _OPENMP,
  # which the shared precompiled header does not know).
  target_link_libraries(assize_parallel INTERFACE ${OpenMP_CXX_LIBRARIES})
  target_compile_definitions(assize_parallel INTERFACE ASSIZE_OPENMP=1)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/lib/support/parallel.cc PROPERTIES
    COMPILE_OPTIONS "${OpenMP_CXX_FLAGS}" SKIP_PRECOMPILE_HEADERS ON)
else()
  find_package(Threads REQUIRED)
  target_link_libraries(assize_parallel INTERFACE Threads::Threads)
endif()

# ONNX's own .proto files, from the onnx wheel.
set(onnx_proto_dir ${CMAKE_BINARY_DIR}/proto)
set(onnx_generated)
foreach(proto onnx-ml onnx-data)
  add_custom_command(
    OUTPUT ${onnx_proto_dir}/onnx/${proto}.pb.cc ${onnx_proto_dir}/onnx/${proto}.pb.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${onnx_proto_dir}/onnx
    COMMAND protobuf::protoc -I ${ASSIZE_DEPS}/onnx-proto --cpp_out=${onnx_proto_dir}
            ${ASSIZE_DEPS}/onnx-proto/onnx/${proto}.proto
    DEPENDS ${ASSIZE_DEPS}/onnx-proto/onnx/${proto}.proto)
  list(APPEND onnx_generated ${onnx_proto_dir}/onnx/${proto}.pb.cc)
endforeach()
add_library(assize_onnx_proto STATIC ${onnx_generated})
target_include_directories(assize_onnx_proto SYSTEM PUBLIC ${onnx_proto_dir})
target_link_libraries(assize_onnx_proto PUBLIC protobuf::libprotobuf-lite)
if(ASSIZE_SANITIZE)
  target_compile_options(assize_onnx_proto PRIVATE -fsanitize=${ASSIZE_SANITIZE})
endif()
