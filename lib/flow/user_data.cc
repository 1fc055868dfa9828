// Data on the command line. Tests: tests/flow/user_data_test.cc.
#include "lib/flow/user_data.h"

#include "lib/flow/model_file.h"
#include "lib/flow/predict.h"

namespace assize::flow {

StatusOr<data::Dataset> LoadUserData(const UserData& data, const ir::Model& model) {
  const std::vector<std::string> names = FeedNames(model);
  for (const auto& [input, array] : data.inputs) {
    if (std::find(names.begin(), names.end(), input) == names.end()) {
      return NotFound("--input {}={}: the model has no input \"{}\"; its inputs are: {}", input,
                      array, input, fmt::join(names, ", "));
    }
  }
  AZ_ASSIGN_OR_RETURN(data::Dataset dataset,
                      data::LoadReadyNpz(data.path, names, data.inputs, data.labels));
  if (const Status fits = BindToModel(dataset, model); !fits.ok()) return Annotate(fits, data.path);
  return dataset;
}

}  // namespace assize::flow
