// Taking paths and file names of data sets out of what will be published.
#include "lib/evidence/privacy.h"

#include "lib/support/files.h"

namespace assize::evidence {
namespace {

void Withhold(Json& value, const std::map<std::string, std::string>& replacement) {
  if (value.is_string()) {
    const auto found = replacement.find(value.get_ref<const std::string&>());
    if (found != replacement.end()) value = found->second;
    return;
  }
  if (value.is_object() || value.is_array()) {
    for (Json& child : value) Withhold(child, replacement);
  }
}

}  // namespace

Json WithholdPaths(Json document, const std::map<std::string, std::string>& sha256_by_path) {
  std::map<std::string, std::string> replacement;
  for (const auto& [path, sha256] : sha256_by_path) {
    replacement[path] = "sha256:" + sha256;
    replacement[BaseName(path)] = "sha256:" + sha256;
  }
  Withhold(document, replacement);
  return document;
}

Json WithholdFileNames(Json description, const std::string& set) {
  if (!description.is_object()) return description;
  const auto files = description.find("files");
  if (files == description.end() || !files->is_array()) return description;
  std::map<std::string, std::string> replacement;
  size_t index = 0;
  for (Json& file : *files) {
    const std::string name = fmt::format("{}[{}]", set, index++);
    if (file.is_object() && file.contains("name") && file["name"].is_string()) {
      replacement[file["name"].get<std::string>()] = name;
      file["name"] = name;
    }
  }
  // A data set read from a file without named arrays calls its array by the file's name.
  Withhold(description, replacement);
  return description;
}

Status CheckWithheld(std::string_view text, const std::vector<std::string>& paths,
                     const std::string& where) {
  for (const std::string& path : paths) {
    const std::string name = BaseName(path);
    // Names without extension or with a few letters occur in prose by chance.
    if (name.size() < 5 || name.find('.') == std::string::npos) continue;
    if (text.find(name) != std::string_view::npos) {
      return InvalidArgument(
          "{}: contains the name of a data file, which may identify a person; expected its digest "
          "(rename the file, or take the name out of the recipe)",
          where);
    }
  }
  return OkStatus();
}

}  // namespace assize::evidence
