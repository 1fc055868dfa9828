// The model files that tests run over: shared data, Debian's libonnx-testdata, the node cases of
// scripts/ make_node_cases.py.
#pragma once

#include <string>
#include <vector>

namespace assize::onnx {

std::vector<std::string> ModelsBelow(
    const std::string& folder);  // *.onnx, sorted; empty when the folder is absent
std::string SharedFolder();      // ASSIZE_SHARED, or ../shared
std::string DebianTestData();    // "" when the package is not installed
std::string NodeCases();         // .deps/node-cases; made when the oracles are there
std::string ModelCases();
std::string OraclePython();  // "" when scripts/setup test did not run
bool InCi();                 // CI=true: a missing oracle fails the test
std::string ReadAll(const std::string& path);
// A folder below the system's temporary folder; removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& bytes) const;  // returns the path

 private:
  std::string path_;
};

}  // namespace assize::onnx
