// The catalogue, from the registry and the passes' own descriptions. Tests: tests/cli/help_test.cc.
#include "lib/flow/catalogue.h"

#include <algorithm>

#include "lib/pass/manager.h"
#include "lib/pass/pipeline.h"
#include "lib/verify/tolerance.h"
#include "passes/registry.h"

namespace assize::flow {
namespace {

struct FolderPromise {
  const char* folder;
  const char* promise;
};

// In the order in which the catalogue shows them.
constexpr FolderPromise kPromises[] = {
    {"simplify", "Same function, exactly."},
    {"fuse", "Same function within a stated rounding bound."},
    {"convert", "Same function in another form of the file."},
    {"prune", "Fewer weights or channels; the function changes."},
    {"quantize", "Lower precision; the function changes."},
    {"distill", "A student replaces the function, or what is needed to train one is exported."},
    {"check", "Nothing changes; findings or a refusal."},
};

std::string CheckText(const pass::Descriptor& descriptor, pass::Folder folder) {
  const auto named = [](const verify::Tolerance& tolerance) -> std::string {
    if (tolerance == verify::kExact) return "the same bits, on a differential run";
    return fmt::format("within {:g} of the largest output (f32), on a differential run",
                       tolerance.f32);
  };
  if (descriptor.judged_by_data) return "criteria on data";
  if (descriptor.tolerance) return named(*descriptor.tolerance);
  switch (folder) {
    case pass::Folder::kSimplify:
    case pass::Folder::kConvert:
    case pass::Folder::kCheck:
    case pass::Folder::kTesting:
      return named(verify::kExact);
    case pass::Folder::kFuse:
      return named(verify::kAffineFold);
    default:
      return "criteria on data";
  }
}

// `name=default`, or the name where there is no default to show.
std::string Defaulted(const pass::OptionDescriptor& option) {
  return option.default_text.empty() ? option.name : option.name + "=" + option.default_text;
}

std::string EscapedForTable(std::string text) {
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, "\\");
  return text;
}

}  // namespace

std::vector<CataloguePass> PassCatalogue() {
  std::vector<CataloguePass> catalogue;
  for (const pass::Registration& row : passes::AllPasses().all()) {
    if (row.folder == pass::Folder::kTesting) continue;
    const pass::Descriptor descriptor = row.create()->Describe();
    catalogue.push_back({row.flag, std::string(NameOf(row.folder)), descriptor.summary,
                         CheckText(descriptor, row.folder), descriptor.needs_calibration,
                         descriptor.options});
  }
  return catalogue;
}

std::string TypeText(const pass::OptionDescriptor& option) {
  switch (option.type) {
    case pass::OptionType::kBool:
      return "true|false";
    case pass::OptionType::kChoice:
      return fmt::format("{}", fmt::join(option.choices, "|"));
    case pass::OptionType::kInt:
    case pass::OptionType::kNumber: {
      std::string text = option.type == pass::OptionType::kInt ? "integer" : "number";
      if (option.min && option.max) {
        text += fmt::format(" {:g}..{:g}", *option.min, *option.max);
      } else if (option.min) {
        text += fmt::format(" >= {:g}", *option.min);
      } else if (option.max) {
        text += fmt::format(" <= {:g}", *option.max);
      }
      return text;
    }
    case pass::OptionType::kString:
      break;
  }
  return "text";
}

std::string CatalogueText() {
  const std::vector<CataloguePass> catalogue = PassCatalogue();
  std::string text;
  for (const FolderPromise& promise : kPromises) {
    std::string section;
    for (const CataloguePass& entry : catalogue) {
      if (entry.folder != promise.folder) continue;
      section += fmt::format("  {:<30} {}\n", entry.flag, entry.summary);
      for (const pass::OptionDescriptor& option : entry.options) {
        section += fmt::format("    {:<28} {} ({})\n", Defaulted(option), option.summary,
                               TypeText(option));
      }
    }
    if (!section.empty())
      text += fmt::format("{}: {}\n{}", promise.folder, promise.promise, section);
  }
  return text;
}

std::string CatalogueMarkdown() {
  const std::vector<CataloguePass> catalogue = PassCatalogue();
  std::string text =
      "# Passes\n\n"
      "Made by `assize passes --markdown` from the passes' own descriptions.\n\n"
      "A pipeline is a list, `simplify,fuse,quantize-static{calibrator=percentile}`; the names "
      "`simplify` and `fuse`\n"
      "stand for all passes of their folder, in the order below. A pass lives in the folder of "
      "what it promises.\n";
  for (const FolderPromise& promise : kPromises) {
    std::string section;
    for (const CataloguePass& entry : catalogue) {
      if (entry.folder != promise.folder) continue;
      std::string file = entry.flag;
      std::replace(file.begin(), file.end(), '-', '_');
      section += fmt::format(
          "\n### `{0}`\n\n{1}. Source: `passes/{2}/{3}.cc`; tests: `tests/passes/{3}_test.cc`.\n\n",
          entry.flag, entry.summary, entry.folder, file);
      section += fmt::format("Checked by: {}.{}\n", entry.check,
                             entry.needs_calibration
                                 ? " Needs calibration rows (`--data`, or the split `calibration`)."
                                 : "");
      if (entry.options.empty()) continue;
      section += "\n| option | values | default | meaning |\n|---|---|---|---|\n";
      for (const pass::OptionDescriptor& option : entry.options) {
        section +=
            fmt::format("| `{}` | {} | {} | {} |\n", option.name, EscapedForTable(TypeText(option)),
                        option.default_text.empty() ? "" : "`" + option.default_text + "`",
                        EscapedForTable(option.summary));
      }
    }
    if (!section.empty())
      text += fmt::format("\n## {}/\n\n{}\n{}", promise.folder, promise.promise, section);
  }
  return text;
}

Json CatalogueJson() {
  static const char* const kTypes[] = {"bool", "int", "number", "choice", "string"};
  Json passes = Json::array();
  for (const CataloguePass& entry : PassCatalogue()) {
    Json item = {{"name", entry.flag},
                 {"folder", entry.folder},
                 {"summary", entry.summary},
                 {"check", entry.check}};
    item["needsCalibration"] = entry.needs_calibration;
    item["options"] = Json::array();
    for (const pass::OptionDescriptor& option : entry.options) {
      Json described = {{"name", option.name},
                        {"type", kTypes[static_cast<int>(option.type)]},
                        {"default", option.default_text},
                        {"summary", option.summary}};
      if (option.min) described["min"] = *option.min;
      if (option.max) described["max"] = *option.max;
      if (!option.choices.empty()) described["choices"] = option.choices;
      item["options"].push_back(std::move(described));
    }
    passes.push_back(std::move(item));
  }
  return {{"passes", std::move(passes)}};
}

std::string PipelineItemText(const std::string& name,
                             const std::vector<std::pair<std::string, std::string>>& options) {
  return pass::ItemText({name, options});
}

std::string TimingText(const std::vector<pass::PassRecord>& records) {
  return pass::TimingTable(records);
}

std::string StatisticsText(const std::vector<pass::PassRecord>& records) {
  return pass::StatisticsTable(records);
}

}  // namespace assize::flow
