// PassRecord as JSON. Tests: tests/pass/manager_test.cc.
#include "lib/pass/record.h"

namespace assize::pass {

Json PassRecord::ToJson() const {
  Json options_json = Json::object();
  for (const auto& [name, value] : options) options_json[name] = value;
  Json statistics_json = Json::object();
  for (const auto& [name, value] : statistics) statistics_json[name] = value;
  Json check_json = Json::object();
  check_json["kind"] = check.kind;
  check_json["outcome"] = check.outcome;
  if (!check.reason.empty()) check_json["reason"] = check.reason;
  if (check.kind != "none") {
    check_json["max_abs_difference"] = check.max_abs_difference;
    check_json["bound"] = check.bound;
  }
  Json json = Json::object();
  json["pass"] = pass;
  json["folder"] = folder;
  json["options"] = std::move(options_json);
  json["seed"] = seed;
  json["input"] = Hex(input);
  json["output"] = Hex(output);
  json["changed"] = changed;
  json["nodes"] = {{"before", nodes_before}, {"after", nodes_after}};
  json["bytes"] = {{"before", bytes_before}, {"after", bytes_after}};
  json["statistics"] = std::move(statistics_json);
  json["check"] = std::move(check_json);
  json["facts"] = facts;
  json["measurements"] = {{"duration_us", measurements.duration_us},
                          {"peak_bytes", measurements.peak_bytes}};
  return json;
}

Json RecordsToJson(const std::vector<PassRecord>& records) {
  Json json = Json::array();
  for (const PassRecord& record : records) json.push_back(record.ToJson());
  return json;
}

}  // namespace assize::pass
