// What the tests of the verbs share: small models and data, files below a temporary folder,
// environment variables for one test, and a copy of an example to build from.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/data/dataset.h"
#include "lib/data/npz.h"
#include "lib/flow/build.h"
#include "lib/flow/model_file.h"
#include "lib/support/exit_code.h"
#include "lib/support/files.h"
#include "tests/passes/testing_models.h"
#include "tests/support/temporary_folder.h"

namespace assize::flow {

namespace fs = std::filesystem;
using assize::testing::Attr;
using assize::testing::Floats;
using assize::testing::GraphBuilder;
using assize::testing::MakeModel;
using assize::testing::Normal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) ADD_FAILURE() << Message(value.status());
  AZ_CHECK(value.ok(), "{}", Message(value.status()));
  return *std::move(value);
}
inline void Must(const Status& status) { AZ_CHECK(status.ok(), "{}", Message(status)); }

// y = Relu(x W + b), x [batch, 3], y [batch, 2]; batch "N" is symbolic.
inline ir::Model Dense(const std::string& batch = "N") {
  ir::Model model = MakeModel();
  GraphBuilder b(model.graph);
  b.Input("x", {batch, "3"}).Init("W", Normal({3, 2}, 1)).Init("b", Floats({2}, {0.25F, 0.5F}));
  b.Node("Gemm", {"x", "W", "b"}, {"hidden"}).Node("Relu", {"hidden"}, {"y"});
  const ir::Dim rows = model.graph.value(b.Get("x")).type.shape->front();
  b.Output("y",
           ir::Type::TensorOf(ir::DType::kFloat, std::vector<ir::Dim>{rows, ir::Dim{2, {}, {}}}));
  return model;
}

// [rows, 3] normal values.
inline data::Array Values(int64_t rows, uint64_t seed = 7) {
  const ir::Tensor tensor = Normal({rows, 3}, seed);
  const auto span = tensor.data<float>();
  return data::Array::Of<float>({rows, 3}, {span.begin(), span.end()});
}

inline data::Dataset Rows(data::Array x, const std::string& array = "x",
                          data::Preprocessing preprocessing = {}) {
  return Must(data::Dataset::Create("test", {{"", array, std::move(x), std::move(preprocessing)}},
                                    {}, {}, {}));
}

// Everything below a folder, sorted.
inline std::vector<std::string> Listing(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().lexically_relative(folder).generic_string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Replaces the one occurrence of `from`.
inline std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  AZ_CHECK(at != std::string::npos, "no \"{}\"", from);
  return text.replace(at, from.size(), to);
}

// An environment variable for as long as it lives.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) old_ = old;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() {
    if (old_) {
      ::setenv(name_.c_str(), old_->c_str(), 1);
    } else {
      ::unsetenv(name_.c_str());
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
  std::optional<std::string> old_;
};

inline std::string SourcePath(const std::string& name) {
  return std::string(ASSIZE_SOURCE_DIR) + "/" + name;
}

// A copy of examples/breast-cancer with reproducers and a store of the test's own. Making a demo
// key takes some thousand draws: one serves all tests of the binary, but for those that want their
// own.
class Workshop {
 public:
  explicit Workshop(bool own_key = false)
      : home_path_(own_key ? folder_ / "home" : SharedHome()),
        home_("ASSIZE_HOME", home_path_),
        temporary_("TMPDIR", folder_ / "tmp") {
    fs::create_directory(folder_ / "tmp");
    fs::copy(SourcePath("examples/breast-cancer"), folder_ / "example",
             fs::copy_options::recursive);
    recipe_ = Must(ReadFile(recipe_path()));
  }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  std::string store() const { return folder_ / "store"; }
  std::string example(const std::string& name) const { return folder_ / ("example/" + name); }
  std::string recipe_path() const { return example("recipe.yaml"); }
  const std::string& recipe() const { return recipe_; }
  std::string demo_key() const { return home_path_ + "/demo-keys/demo.pub.pem"; }
  std::string demo_private_key() const { return home_path_ + "/demo-keys/demo.pem"; }
  // The policy of the example, for the demo key that was made here.
  std::string policy_path() const {
    fs::create_directories(example("keys"));
    fs::copy_file(demo_key(), example("keys/demo.pub.pem"), fs::copy_options::overwrite_existing);
    return example("policy.yaml");
  }

  StatusOr<BuildResult> Build(const std::string& recipe, const std::string& version = "1.0.0") {
    Must(WriteFileAtomic(recipe_path(), recipe));
    BuildRequest request;
    request.recipe = recipe_path();
    request.store = store();
    request.version = version;
    return RunBuild(request, NoProgress());
  }

 private:
  static std::string SharedHome() {
    static const TemporaryFolder shared;
    return shared / "home";
  }
  TemporaryFolder folder_;
  std::string home_path_;
  Variable home_, temporary_;
  std::string recipe_;
};

}  // namespace assize::flow
