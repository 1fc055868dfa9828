// Data on the command line: `--data F.npz`, `--input NAME=ARRAY`, `--labels ARRAY`. Tests:
// tests/flow/user_data_test.cc.
#pragma once

#include <map>
#include <string>

#include "lib/data/dataset.h"
#include "lib/ir/model.h"

namespace assize::flow {

struct UserData {
  std::string path;                           // empty: no data was given
  std::map<std::string, std::string> inputs;  // model input -> array
  std::string labels;                         // array; empty: "y" if there is one
  bool given() const { return !path.empty(); }
};

// Loads, binds to the model and checks that it fits.
StatusOr<data::Dataset> LoadUserData(const UserData& data, const ir::Model& model);

}  // namespace assize::flow
